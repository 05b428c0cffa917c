package localaws_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/org/shipkit/internal/localaws"
)

func start(t *testing.T, o localaws.Options) *localaws.Server {
	t.Helper()
	s, err := localaws.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestCallerIdentity(t *testing.T) {
	s := start(t, localaws.Options{})
	out, err := sts.NewFromConfig(s.Config()).GetCallerIdentity(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if *out.Account != "111122223333" {
		t.Errorf("account = %s", *out.Account)
	}
	other, err := sts.NewFromConfig(s.ConfigFor("444455556666", "us-east-1")).GetCallerIdentity(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if *other.Account != "444455556666" {
		t.Errorf("account = %s", *other.Account)
	}
}

func TestStateSurvivesARestart(t *testing.T) {
	dir := t.TempDir()
	first, err := localaws.Start(t.Context(), localaws.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	put := &ssm.PutParameterInput{Name: aws.String("/a/b"), Value: aws.String("kept"), Type: "String"}
	if _, err := ssm.NewFromConfig(first.Config()).PutParameter(t.Context(), put); err != nil {
		t.Fatal(err)
	}
	if err := first.Save(); err != nil {
		t.Fatal(err)
	}
	if state, err := os.ReadFile(filepath.Join(dir, "ssm.json")); err != nil || !strings.Contains(string(state), "kept") {
		t.Errorf("right after Save the folder has %q, %v", state, err)
	}
	first.Clock.Advance(5 * time.Hour)
	then := first.Clock.Now()
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second := start(t, localaws.Options{Dir: dir})
	if now := second.Clock.Now(); now.Before(then) {
		t.Errorf("simulated time went back from %s to %s", then, now)
	}
	got, err := ssm.NewFromConfig(second.Config()).GetParameter(t.Context(), &ssm.GetParameterInput{Name: aws.String("/a/b")})
	if err != nil {
		t.Fatal(err)
	}
	if *got.Parameter.Value != "kept" {
		t.Errorf("value = %s", *got.Parameter.Value)
	}
}
