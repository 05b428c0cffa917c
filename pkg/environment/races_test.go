package environment

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// consistent complains of an environment of which not everything says the same.
func (w *world) consistent(t *testing.T, what string) {
	t.Helper()
	w.fire()
	for _, problem := range w.problems {
		t.Errorf("%s: %s", what, problem)
	}
	record, known := w.records["xy-0146-pr1"]
	s, end := w.stacks["xy-0146-pr1"], w.ends["xy-0146-pr1"]
	slot := false
	for _, owner := range w.slots {
		slot = slot || owner == "xy-0146-pr1"
	}
	switch {
	case known != (s != nil) || known != slot || known == end.IsZero():
		t.Errorf("%s: record %t, stack %t, slot %t, end at %s", what, known, s != nil, slot, end)
	case known && (!end.Equal(record.Expires) || s.off != (record.State == Paused) || record.State == Creating || record.State == Ending):
		t.Errorf("%s: off %t, ends at %s, the record says %+v", what, s.off, end, record)
	case !known && len(w.parameters) > 0:
		t.Errorf("%s: left parameters %v", what, w.parameters)
	}
}

// Commands that come at once take turns, whatever their order and however long
// each of their calls takes.
func TestRacesOfCommands(t *testing.T) {
	ctx := context.Background()
	commands := map[string]func(m *Manager) error{
		"extend": func(m *Manager) error { _, err := m.Extend(ctx, pr(1), 200*time.Hour); return err },
		"pause":  func(m *Manager) error { _, err := m.Pause(ctx, pr(1)); return err },
		"wake":   func(m *Manager) error { _, err := m.Wake(ctx, pr(1)); return err },
		"up":     func(m *Manager) error { _, err := m.Up(ctx, pr(1), requestOf(1, "c2")); return err },
		"down":   func(m *Manager) error { _, err := m.Down(ctx, pr(1)); return err },
		"reap":   func(m *Manager) error { return reap(ctx, m, map[int]bool{}) },
		"tell": func(m *Manager) error {
			list, err := m.List(ctx)
			for _, r := range m.Expiring(list, 1000*time.Hour) {
				_, failure := m.Tell(ctx, pr(1), r.Expires)
				err = errors.Join(err, failure)
			}
			return err
		},
	}
	names := []string{"extend", "pause", "wake", "up", "down", "reap", "tell"}
	for seed := range uint64(200) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld()
			if _, err := w.up("zero", 1, "c1"); err != nil {
				t.Fatal(err)
			}
			w.racing = true
			random := rand.New(rand.NewPCG(seed, 3))
			what := fmt.Sprintf("seed %d:", seed)
			var wait sync.WaitGroup
			for i := range 2 + random.IntN(4) {
				name := names[random.IntN(len(names))]
				what += " " + name
				c := w.client()
				c.kill = func() {}
				own := rand.New(rand.NewPCG(seed, uint64(10+i)))
				var mu sync.Mutex // a run renews its lease beside its work
				c.latency = func() time.Duration {
					mu.Lock()
					defer mu.Unlock()
					return time.Duration(own.IntN(2000)) * time.Millisecond
				}
				m := c.manager(fmt.Sprint("run ", i))
				m.Patience = time.Hour
				wait.Go(func() {
					if err := commands[name](m); err != nil && !errors.Is(err, ErrMissing) {
						t.Errorf("%s: %s: %v", what, name, err)
					}
				})
			}
			wait.Wait()
			w.consistent(t, what)
		})
	}
}

// However many reaps come by, one of them tells of an end.
func TestOneTells(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		if _, err := w.up("zero", 1, "c1"); err != nil {
			t.Fatal(err)
		}
		told := func() int {
			var mu sync.Mutex
			var wait sync.WaitGroup
			n := 0
			for i := range 5 {
				c := w.client()
				c.latency = func() time.Duration { return time.Duration(i*100+50) * time.Millisecond }
				wait.Go(func() {
					m := c.manager(fmt.Sprint("reap ", i))
					list, err := m.List(t.Context())
					for _, r := range m.Expiring(list, 6*time.Hour) {
						won, failure := m.Tell(t.Context(), pr(1), r.Expires)
						err = errors.Join(err, failure)
						mu.Lock()
						if won {
							n++
						}
						mu.Unlock()
					}
					if err != nil {
						t.Error(err)
					}
				})
			}
			wait.Wait()
			return n
		}
		m := w.client().manager("a")
		for _, step := range []struct {
			what string
			do   func() error
			want int
		}{
			{"long before", func() error { return nil }, 0},
			{"an hour before", func() error { time.Sleep(71 * time.Hour); return nil }, 1},
			{"again", func() error { return nil }, 0},
			{"when nobody has heard", func() error { return m.Untell(t.Context(), pr(1)) }, 1},
			{"after another expiry", func() error { _, err := m.Extend(t.Context(), pr(1), 5*time.Hour); return err }, 1},
			{"of what has ended", func() error { _, err := m.Down(t.Context(), pr(1)); return err }, 0},
		} {
			if err := step.do(); err != nil {
				t.Fatal(err)
			}
			if n := told(); n != step.want {
				t.Errorf("%s: %d tell, want %d", step.what, n, step.want)
			}
		}
	})
}
