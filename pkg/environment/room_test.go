package environment

import (
	"errors"
	"strings"
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

// Of all slots' owners it is looked which have an environment; none loses its
// slot that has one, or a run at work on it.
func TestSlotsOfWhatIsNotThere(t *testing.T) {
	for name, test := range map[string]struct {
		before func(w *world)
		room   bool
		stays  bool // the record
	}{
		"a living one":       {func(*world) {}, false, true},
		"a stack by hand":    {func(w *world) { delete(w.stacks, "xy-0146-pr1") }, true, false},
		"a record by hand":   {func(w *world) { delete(w.records, "xy-0146-pr1"); delete(w.stacks, "xy-0146-pr1") }, true, false},
		"only its record":    {func(w *world) { delete(w.records, "xy-0146-pr1") }, false, false},
		"of another backend": {func(w *world) { w.alter(func(r *Record) { r.Kind = "terraform" }); delete(w.stacks, "xy-0146-pr1") }, false, true},
		"another repository's": {func(w *world) {
			w.alter(func(r *Record) { r.Repository = theirs })
			delete(w.stacks, "xy-0146-pr1")
		}, false, true},
		"another repository's, over": {func(w *world) {
			w.alter(func(r *Record) { r.Repository = theirs })
			time.Sleep(100 * time.Hour)
		}, true, true},
		"another repository's, over and undead": {func(w *world) {
			w.alter(func(r *Record) { r.Repository = theirs })
			delete(w.ends, "xy-0146-pr1")
			w.stacks["xy-0146-pr1"].repository = theirs
			time.Sleep(100 * time.Hour)
		}, false, true},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld()
			r := requestOf(1, "c")
			r.MaxEnvs = 1
			if _, err := w.client().manager("a").Up(t.Context(), pr(1), r); err != nil {
				t.Fatal(err)
			}
			test.before(w)
			w.fire()
			time.Sleep(time.Hour)
			_, err := w.client().manager("b").Up(t.Context(), pr(2), r)
			var full *FullError
			if (err == nil) != test.room || err != nil && !errors.As(err, &full) {
				t.Errorf("%s: %v", name, err)
			}
			if _, stays := w.records["xy-0146-pr1"]; stays != test.stays {
				t.Errorf("%s: the record stays: %t", name, stays)
			}
			for name := range w.parameters {
				if strings.HasPrefix(name, "/xy-0146-pr1/") && !test.stays && test.room {
					t.Errorf("%s: left %s", name, name)
				}
			}
			for _, problem := range w.problems {
				t.Errorf("%s: %s", name, problem)
			}
		})
	}
}

// alter changes the first environment's record behind everybody's back.
func (w *world) alter(change func(*Record)) {
	r := w.records["xy-0146-pr1"]
	change(&r)
	w.records["xy-0146-pr1"] = r
}

// An environment whose run is at work has its slot, although there is nothing
// of it yet.
func TestSlotOfWhatIsBeingMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r := requestOf(1, "c")
		r.MaxEnvs = 1
		slow := w.client()
		slow.latency = func() time.Duration { return 10 * time.Second }
		first := make(chan error)
		go func() {
			_, err := slow.manager("a").Up(t.Context(), pr(1), r)
			first <- err
		}()
		for w.slotted() == 0 {
			time.Sleep(time.Second)
		}
		r.Pull = 2
		var full *FullError
		if _, err := w.client().manager("b").Up(t.Context(), pr(2), r); !errors.As(err, &full) {
			t.Errorf("the second: %v", err)
		}
		if err := <-first; err != nil {
			t.Errorf("the first: %v", err)
		}
	})
}

func (w *world) slotted() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.slots)
}

// What another backend made is neither ended nor taken for gone.
func TestAnotherBackendsEnvironmentIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		m := w.client().manager("a")
		m.Kind = "cloudformation"
		if _, err := m.Up(t.Context(), pr(1), requestOf(1, "c")); err != nil {
			t.Fatal(err)
		}
		m.Kind = "terraform"
		before := w.writes
		if _, err := m.Down(t.Context(), pr(1)); err == nil || !strings.Contains(err.Error(), "Try: backend: cloudformation") {
			t.Errorf("down: %v", err)
		}
		if _, err := m.Up(t.Context(), pr(1), requestOf(1, "c2")); err == nil || !strings.Contains(err.Error(), "was made by the backend cloudformation") {
			t.Errorf("up: %v", err)
		}
		time.Sleep(100 * time.Hour)
		list, err := m.List(t.Context())
		if doomed := m.Overdue(list, map[int]bool{}); err != nil || len(doomed) > 0 || w.writes != before {
			t.Errorf("%v are overdue, %d writes, %v", doomed, w.writes-before, err)
		}
	})
}
