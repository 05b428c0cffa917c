package saga

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ssm"
)

// acts is Parameter Store and a world in which it is written down when a
// process asked whether the lock is its own, and when it acted.
type acts struct {
	*world
	asked int
}

func (a *acts) GetParameter(ctx context.Context, in *ssm.GetParameterInput, o ...func(*ssm.Options)) (*ssm.GetParameterOutput, error) {
	if strings.Contains(*in.Name, "/lock/") {
		a.asked++
	}
	return a.world.GetParameter(ctx, in, o...)
}

// The steps of an operation that is quick believe that the lock is theirs. One
// that takes its time asks each minute, before the point of no return, and no
// more often.
func TestHowOftenItIsAsked(t *testing.T) {
	for _, tt := range []struct {
		slow        time.Duration
		least, most int
	}{{0, 1, 1}, {2 * time.Minute, 10, 12}} {
		synctest.Test(t, func(t *testing.T) {
			a := &acts{world: newWorld()}
			a.slow = tt.slow
			r, err := Journal{Parameters: a, Path: journalPath}.Begin(t.Context(), Holder{ID: "a"}, fresh)
			if err != nil {
				t.Fatal(err)
			}
			if err := r.Forward(t.Context(), steps(a.world), Options{}); err != nil || a.asked < tt.least || a.asked > tt.most {
				t.Errorf("steps of %s: asked %d times, %v", tt.slow, a.asked, err)
			}
		})
	}
}

// Another attempt of the same job takes over while the first one is alive, at
// any moment: the two never act at the same time, and all is made once.
func TestTakeOverFromTheLiving(t *testing.T) {
	for after := time.Duration(0); after < 4*time.Minute; after += 7 * time.Second {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld()
			var who []string
			acting := func(name string) []Step {
				all := steps(w)
				for i := range all {
					do := all[i].Do
					all[i].Do = func(ctx context.Context) error {
						time.Sleep(20 * time.Second) // a call that takes long
						who = append(who, name)
						return do(ctx)
					}
				}
				return all
			}
			ends := make(chan error, 1)
			first, err := journalOf(w).Begin(t.Context(), Holder{ID: "job"}, fresh)
			if err != nil {
				t.Fatal(err)
			}
			go func() { ends <- first.Forward(t.Context(), acting("first"), Options{}) }()
			time.Sleep(after)
			second, err := journalOf(w).Begin(t.Context(), Holder{ID: "job"}, fresh)
			if err != nil {
				t.Fatal(err)
			}
			err = second.Forward(t.Context(), acting("second"), Options{})
			if gone := <-ends; err != nil || gone != nil && !errors.Is(gone, ErrFenced) && !errors.Is(gone, context.Canceled) {
				t.Errorf("taken over after %s: %v; the first: %v", after, err, gone)
			}
			order := strings.Join(who, " ")
			if strings.Contains(order, "second first") {
				t.Errorf("taken over after %s: %s", after, order)
			}
			for name, times := range w.made {
				if second.Resumed && times != 1 {
					t.Errorf("taken over after %s: %s was made %d times", after, name, times)
				}
			}
		})
	}
}

// A takeover that is cut short keeps the lock: the first attempt may still be
// alive when the third comes.
func TestTakeOverCutShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		if _, err := journalOf(w).Begin(t.Context(), Holder{ID: "job"}, fresh); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := journalOf(w).Begin(ctx, Holder{ID: "job"}, fresh); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		began := time.Now()
		if _, err := journalOf(w).Begin(t.Context(), Holder{ID: "job"}, fresh); err != nil || time.Since(began) < handover {
			t.Errorf("the third waited %s, %v", time.Since(began), err)
		}
	})
}

// What an operation was planned by is looked at again under the lock, before
// anything is written; one that goes on was planned long ago.
func TestMovedSinceThePlan(t *testing.T) {
	w, moved := newWorld(), errors.New("moved")
	w.parameters["/active"] = "1"
	op := *fresh
	op.Beside = []string{"/active", "/none"}
	op.Still = func(now map[string]string) error {
		if len(now) != 1 || now["/active"] != "1" {
			return moved
		}
		return nil
	}
	begin := func() error {
		r, err := journalOf(w).Begin(t.Context(), Holder{ID: "a"}, &op)
		if err != nil {
			return err
		}
		return r.Close(t.Context())
	}
	w.parameters["/none"] = "2"
	if err := begin(); !errors.Is(err, moved) || w.parameters[journalPath] != "" {
		t.Errorf("moved: %v, journal %q", err, w.parameters[journalPath])
	}
	delete(w.parameters, "/none")
	if err := begin(); err != nil {
		t.Errorf("still so: %v", err)
	}
	w.parameters["/active"] = "2"
	if err := begin(); err != nil {
		t.Errorf("it goes on: %v", err)
	}
}

// Reading for a step asks about the lock too, and the lease says at which step
// a long operation is.
func TestReadIsFencedAndTheLeaseSaysWhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.parameters["/fact"] = "value"
		r, err := journalOf(w).Begin(t.Context(), Holder{ID: "a"}, fresh)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := r.Read(t.Context(), "/fact", "/none"); err != nil || len(got) != 1 || got["/fact"] != "value" {
			t.Errorf("read %v, %v", got, err)
		}
		w.slow = 5 * time.Minute
		go func() { _ = r.Forward(t.Context(), steps(w), Options{}) }()
		time.Sleep(6*time.Minute + 30*time.Second)
		if op, err := journalOf(w).Where(t.Context()); err != nil || op.Step != "make stack" {
			t.Errorf("it is at %+v, %v", op, err)
		}
		w.parameters[r.lease.name(r.lease.current()+1)] = "{}"
		if _, err := r.Read(t.Context(), "/fact"); !errors.Is(err, ErrFenced) {
			t.Errorf("read by one who is fenced: %v", err)
		}
		time.Sleep(time.Hour)
	})
}

// One who is fenced does not go on, although another has done what it wanted to
// do.
func TestFencedWhereTheEffectIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r, err := journalOf(w).Begin(t.Context(), Holder{ID: "a"}, fresh)
		if err != nil {
			t.Fatal(err)
		}
		did := false
		err = r.Forward(t.Context(), []Step{{
			Name: "make", Commit: true, Asks: true,
			Done: func(context.Context) (bool, error) { return did, nil },
			Do: func(ctx context.Context) error {
				w.parameters[r.lease.name(r.lease.current()+1)], did = "{}", true
				_, err := r.Read(ctx, "/fact")
				return err
			},
		}}, Options{})
		if !errors.Is(err, ErrFenced) {
			t.Error(err)
		}
	})
}
