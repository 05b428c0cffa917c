package kept_test

import (
	"sync"
	"testing"

	"github.com/org/shipkit/internal/localaws/kept"
)

func TestState(t *testing.T) {
	var mu sync.Mutex
	before, after := map[string]int{"a": 1}, map[string]int{}
	saved, err := kept.Of(&mu, &before).Save()
	if err != nil {
		t.Fatal(err)
	}
	if err := kept.Of(&mu, &after).Load(saved); err != nil || after["a"] != 1 {
		t.Errorf("%v, %v", after, err)
	}
	if err := kept.Of(&mu, &after).Load([]byte("{")); err == nil {
		t.Error("half a state was taken")
	}
}
