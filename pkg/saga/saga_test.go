package saga

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/org/shipkit/pkg/namespace"
)

const journalPath = "/xy-0146-dev/db/operation"

var fresh = &Operation{Kind: "test", Timestamp: "20260102t150405z"}

func journalOf(w *world) Journal { return Journal{Parameters: w, Path: journalPath} }

func steps(w *world) []Step {
	commit := w.step("pointer")
	commit.Commit, commit.Undo = true, nil
	return []Step{w.step("snapshot"), w.step("stack"), w.step("rollout"), commit, w.step("retirement")}
}

// run is one process: begin, forward, close.
func run(w *world, holder string, o Options) (Operation, error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	w.killed = cancel
	r, err := journalOf(w).Begin(ctx, Holder{ID: holder}, fresh)
	if err != nil {
		return Operation{}, err
	}
	err = r.Forward(ctx, steps(w), o)
	return r.Operation(), errors.Join(err, r.Close(ctx))
}

func TestForward(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.slow = 12 * time.Minute // longer than a lease: it must be renewed
		op, err := run(w, "a", Options{})
		if err != nil || op.Status != Done {
			t.Fatalf("run: %+v, %v", op, err)
		}
		if len(w.things) != 5 {
			t.Errorf("made %s, want 5", w.names())
		}
		// A second run is a new operation, since the first has ended.
		if _, err := run(w, "b", Options{}); err != nil {
			t.Errorf("second run: %v", err)
		}
	})
}

// The crash test: kill the process before and after every call, let another
// process go on, and look at what is there.
func TestCrashAtEveryCall(t *testing.T) {
	for _, after := range []bool{false, true} {
		for at := 1; ; at++ {
			finished := false
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				w.slow, w.dieAt, w.after = 4*time.Second, at, after
				if _, err := run(w, "first", Options{}); err == nil && !w.dead {
					finished = true
					return
				}
				w.revive()
				time.Sleep(LeaseTime + time.Second)
				op, err := run(w, "second", Options{})
				if err != nil || op.Status != Done {
					t.Fatalf("killed at call %d (after=%v): %+v, %v", at, after, op, err)
				}
				for name, times := range w.made {
					if times != 1 {
						t.Errorf("killed at call %d (after=%v): %s was made %d times", at, after, name, times)
					}
				}
				if len(w.things) != 5 {
					t.Errorf("killed at call %d (after=%v): %s", at, after, w.names())
				}
			})
			if finished {
				t.Logf("after=%v: %d points", after, at-1)
				break
			}
			if at > 500 {
				t.Fatal("the run never finishes")
			}
		}
	}
}

// The same for an operation whose rollout fails: whatever call the process
// dies at, the end is that nothing is left.
func TestCrashWhileUndoing(t *testing.T) {
	for _, after := range []bool{false, true} {
		for at := 1; ; at++ {
			finished := false
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				w.broken["rollout"] = errors.New("task exited with 1")
				w.dieAt, w.after = at, after
				_, err := run(w, "first", Options{})
				finished = !w.dead
				w.revive()
				if !finished {
					time.Sleep(LeaseTime + time.Second)
					_, err = run(w, "second", Options{})
				}
				var failed *FailedError
				if !errors.As(err, &failed) || !failed.Undone || !strings.Contains(err.Error(), "task exited with 1") {
					t.Fatalf("killed at call %d (after=%v): %v", at, after, err)
				}
				if len(w.things) != 0 {
					t.Errorf("killed at call %d (after=%v): left %s", at, after, w.names())
				}
			})
			if finished {
				break
			}
			if at > 500 {
				t.Fatal("the run never finishes")
			}
		}
	}
}

func TestFailureAfterCommitIsNotUndone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.broken["retirement"] = errors.New("deletion protection")
		_, err := run(w, "a", Options{})
		var failed *FailedError
		if !errors.As(err, &failed) || failed.Undone {
			t.Fatalf("run: %v", err)
		}
		if len(w.things) != 4 {
			t.Errorf("left %s, want 4", w.names())
		}
		delete(w.broken, "retirement")
		if op, err := run(w, "b", Options{}); err != nil || op.Status != Done || len(w.things) != 5 {
			t.Errorf("second run: %+v, %v, %s", op, err, w.names())
		}
	})
}

func TestTransientErrorInterrupts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		throttled := errors.New("ThrottlingException")
		w.broken["stack"] = throttled
		_, err := run(w, "a", Options{Transient: func(err error) bool { return errors.Is(err, throttled) }})
		var interrupted *InterruptedError
		if !errors.As(err, &interrupted) || len(w.things) != 1 {
			t.Errorf("run: %v, left %s", err, w.names())
		}
	})
}

func TestDetachAndResume(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.slow = time.Minute
		for range 5 {
			op, err := run(w, "a", Options{Detach: true})
			if !errors.Is(err, ErrDetached) || op.Status != Detached {
				t.Fatalf("detached run: %+v, %v", op, err)
			}
			time.Sleep(2 * time.Minute)
		}
		if op, err := run(w, "a", Options{Detach: true}); err != nil || op.Status != Done {
			t.Errorf("last run: %+v, %v", op, err)
		}
	})
}

func TestHeldLock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		ctx := t.Context()
		first, err := journalOf(w).Begin(ctx, Holder{ID: "a", RunURL: "https://example.com/run/1"}, fresh)
		if err != nil {
			t.Fatal(err)
		}
		_, err = journalOf(w).Begin(ctx, Holder{ID: "b"}, fresh)
		var held *HeldError
		if !errors.As(err, &held) || !strings.Contains(err.Error(), "https://example.com/run/1") {
			t.Fatalf("second begin: %v", err)
		}
		time.Sleep(LeaseTime) // the first is stalled, not dead
		second, err := journalOf(w).Begin(ctx, Holder{ID: "b"}, fresh)
		if err != nil || !second.Resumed {
			t.Fatalf("takeover: %v", err)
		}
		if err := first.Forward(ctx, steps(w), Options{}); !errors.Is(err, ErrFenced) {
			t.Errorf("the stalled run goes on: %v", err)
		}
		if len(w.things) != 0 {
			t.Errorf("the stalled run made %s", w.names())
		}
		if err := second.Forward(ctx, steps(w), Options{}); err != nil {
			t.Errorf("the second run: %v", err)
		}
	})
}

// Many processes start at once: one wins, the others are told who holds it.
func TestRace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.slow = time.Second
		results := make(chan error, 10)
		for i := range 10 {
			go func() {
				r, err := journalOf(w).Begin(t.Context(), Holder{ID: fmt.Sprint(i)}, fresh)
				if err == nil {
					err = errors.Join(r.Forward(t.Context(), steps(w), Options{}), r.Close(t.Context()))
				}
				results <- err
			}()
		}
		won := 0
		for range 10 {
			err := <-results
			var held *HeldError
			switch {
			case err == nil:
				won++
			case !errors.As(err, &held):
				t.Errorf("a loser got %v", err)
			}
		}
		if won != 1 {
			t.Errorf("%d runs won", won)
		}
		for name, times := range w.made {
			if times != 1 {
				t.Errorf("%s was made %d times", name, times)
			}
		}
	})
}

func TestGenerationsArePruned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		for range 20 {
			if _, err := run(w, "a", Options{}); err != nil {
				t.Fatal(err)
			}
		}
		if n := len(w.parameters); n > keepGenerations+2 {
			t.Errorf("%d parameters are left", n)
		}
	})
}

func TestAbort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.slow = time.Minute
		if _, err := run(w, "a", Options{Detach: true}); !errors.Is(err, ErrDetached) {
			t.Fatal(err)
		}
		r, err := journalOf(w).Begin(t.Context(), Holder{ID: "a"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Back(t.Context(), steps(w), Options{}); err != nil || len(w.things) != 0 || r.Operation().Status != Undone {
			t.Errorf("abort: %v, left %s, %+v", err, w.names(), r.Operation())
		}
		if err := r.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := journalOf(w).Begin(t.Context(), Holder{ID: "a"}, nil); !errors.Is(err, ErrNothing) {
			t.Errorf("resume of nothing: %v", err)
		}
	})
}

func TestAbortAfterCommitIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.broken["retirement"] = errors.New("deletion protection")
		_, _ = run(w, "a", Options{})
		r, err := journalOf(w).Begin(t.Context(), Holder{ID: "a"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Back(t.Context(), steps(w), Options{}); err == nil || !strings.Contains(err.Error(), "point of no return") {
			t.Errorf("abort: %v", err)
		}
		if len(w.things) != 4 {
			t.Errorf("abort removed something: %s", w.names())
		}
	})
}

func TestHandEditedJournal(t *testing.T) {
	for _, text := range []string{"", "{", `"x"`, `{"timestamp":"yesterday","status":"running"}`} {
		w := newWorld()
		w.parameters[journalPath] = text
		if _, err := journalOf(w).Begin(t.Context(), Holder{ID: "a"}, fresh); err == nil {
			t.Errorf("a journal of %q was accepted", text)
		}
	}
	w := newWorld()
	w.parameters[journalPath+"/lock/1"] = "mine!"
	if _, err := journalOf(w).Begin(t.Context(), Holder{ID: "a"}, fresh); err == nil {
		t.Error("a lock of \"mine!\" was accepted")
	}
}

func TestOtherOperationUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.slow = time.Minute
		if _, err := run(w, "a", Options{Detach: true}); !errors.Is(err, ErrDetached) {
			t.Fatal(err)
		}
		_, err := journalOf(w).Begin(t.Context(), Holder{ID: "a"}, &Operation{Kind: "undo", Timestamp: fresh.Timestamp})
		if err == nil || !strings.Contains(err.Error(), `operation test of 20260102t150405z is detached`) {
			t.Errorf("begin: %v", err)
		}
	})
}

func TestJournalKeepsChoices(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.broken["retirement"] = errors.New(strings.Repeat("long ", 2000))
		r, err := journalOf(w).Begin(t.Context(), Holder{ID: "a"}, fresh)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Remember(t.Context(), "source", "snap-1"); err != nil {
			t.Fatal(err)
		}
		if err := r.Forward(t.Context(), steps(w), Options{}); err == nil {
			t.Fatal("the broken step succeeded")
		}
		op, err := journalOf(w).Load(t.Context())
		if err != nil || op.Data["source"] != "snap-1" || op.Timestamp != namespace.Timestamp(fresh.Timestamp) {
			t.Errorf("journal: %+v, %v", op, err)
		}
	})
}

func TestForgetLeavesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		for range 3 {
			if _, err := run(w, "a", Options{}); err != nil {
				t.Fatal(err)
			}
		}
		r, err := journalOf(w).Begin(t.Context(), Holder{ID: "a"}, fresh)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(r.Forget(t.Context()), r.Close(t.Context())); err != nil || len(w.parameters) != 0 {
			t.Errorf("left %v, %v", w.parameters, err)
		}
	})
}

func TestReplace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.slow = time.Minute
		if _, err := run(w, "a", Options{Detach: true}); !errors.Is(err, ErrDetached) {
			t.Fatal(err)
		}
		r, err := journalOf(w).Begin(t.Context(), Holder{ID: "a"}, &Operation{Kind: "end", Timestamp: fresh.Timestamp, Replaces: []string{"test"}})
		if err != nil || r.Operation().Kind != "end" || r.Resumed {
			t.Errorf("begin: %+v, %v", r, err)
		}
	})
}

// A process that slept through its lease must not go on, even if nobody has
// taken it over: what it holds may have been forgotten meanwhile.
func TestSleepThroughTheLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r, err := journalOf(w).Begin(t.Context(), Holder{ID: "a"}, fresh)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(LeaseTime)
		if err := r.Forward(t.Context(), steps(w), Options{}); !errors.Is(err, ErrFenced) || len(w.things) != 0 {
			t.Errorf("forward: %v, made %s", err, w.names())
		}
	})
}

// What is waited for is seen at most a quarter later than need be.
func TestPace(t *testing.T) {
	for _, end := range []time.Duration{time.Second, 3 * time.Second, 8 * time.Second, 30 * time.Second, 10 * time.Minute} {
		looks, at := 0, time.Duration(0)
		for ; at < end; looks++ {
			at += Pace(at, 5*time.Second)
		}
		if late := at - end; late > max(time.Second, min(end/4, 5*time.Second)) || looks > 10+int(end/(5*time.Second)) {
			t.Errorf("%s: seen %s late after %d looks", end, late, looks)
		}
	}
}
