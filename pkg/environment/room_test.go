package environment

import (
	"testing"
	"testing/synctest"
	"time"
)

// A slot that an ended environment still holds, since no reap has come by, goes
// to the next one.
func TestSlotOfAnOverdueEnvironment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r := requestOf(1, "c")
		r.MaxEnvs, r.TTL = 1, 2*time.Hour
		if _, err := w.client().manager("a").Up(t.Context(), pr(1), r); err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * time.Hour)
		r.Pull = 2
		if _, err := w.client().manager("b").Up(t.Context(), pr(2), r); err != nil {
			t.Error(err)
		}
		if w.stacks["xy-0146-pr1"] != nil || w.stacks["xy-0146-pr2"] == nil {
			t.Errorf("there is %v", w.stacks)
		}
	})
}
