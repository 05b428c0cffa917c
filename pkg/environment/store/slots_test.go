package store_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/org/shipkit/pkg/environment"
	"github.com/org/shipkit/pkg/environment/store"
)

// A slot remembers who had it last and until when, and no name of a parameter
// comes twice.
func TestSlotsRemember(t *testing.T) {
	server := start(t)
	server.SSM.RefuseReuse(time.Hour)
	slots := store.Slots{SSM: ssm.NewFromConfig(server.Config()), Shared: shared}
	ctx := t.Context()
	claim := func(owner string, limit int) {
		t.Helper()
		if err := slots.Claim(ctx, owner, limit); err != nil {
			t.Fatal(err)
		}
	}
	claim("a", 1)
	if freed, err := slots.Look(ctx, "a", 1); err != nil || !freed.IsZero() {
		t.Errorf("its own slot: %s, %v", freed, err)
	}
	var full *environment.FullError
	if _, err := slots.Look(ctx, "b", 1); !errors.As(err, &full) || !slices.Equal(full.Owners, []string{"a"}) {
		t.Errorf("another's slot: %v", err)
	}
	if err := slots.Release(ctx, "a"); err != nil {
		t.Fatal(err)
	}
	claim("b", 1) // the same slot
	claim("c", 0) // no bound: a second one
	freed, err := slots.Look(ctx, "a", 3)
	if err != nil || time.Since(freed) > time.Minute {
		t.Errorf("a moment after: %s, %v", freed, err)
	}
	if freed, err := slots.Look(ctx, "d", 0); err != nil || !freed.IsZero() {
		t.Errorf("one that never had any: %s, %v", freed, err)
	}
	for range 5 { // one after the other, each in the next generation
		if err := slots.Release(ctx, "b"); err != nil {
			t.Fatal(err)
		}
		claim("b", 1)
	}
	out, err := ssm.NewFromConfig(server.Config()).GetParametersByPath(ctx, &ssm.GetParametersByPathInput{Path: new(shared.Parameter("env", "slot")), Recursive: new(true)})
	if err != nil || len(out.Parameters) != 3 { // two generations of the first slot, one of the second
		t.Errorf("%d parameters, %v", len(out.Parameters), err)
	}
}
