package saga

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
)

// Parameter Store has no conditional write except PutParameter with
// Overwrite=false, which has one winner. So the lock is a row of parameters
// <prefix>/1, /2, …: whoever creates the next one holds the lock, and the
// number fences everybody before.

// LeaseTime is how long a lease lasts after its last renewal. A run that died
// keeps others waiting for this long at most.
const LeaseTime = 3 * time.Minute

// lastMoment is the rest of a lease in which it is no longer renewed in place:
// a clock that is a little off must not revive what another run saw expire.
const lastMoment = LeaseTime / 4

// trust is how long the answer that the lock is ours is believed without asking
// again. A lease in force keeps every other job out by itself; only another
// attempt of the same job may take it over before it ends, and that one waits
// for handover before it does anything. Handover is longer than trust by what a
// call may take that was begun in the last moment of it.
const (
	trust    = LeaseTime / 3
	handover = LeaseTime / 2
)

// keepGenerations old leases stay, so that a stale list never makes a used
// number look free.
const keepGenerations = 5

// Holder says who holds a lock.
type Holder struct {
	// ID is the same for a re-run that may take over before the lease has ended,
	// such as the same job of the same workflow run.
	ID string `json:"id"`
	// RunURL tells people where to look.
	RunURL string `json:"runUrl,omitempty"`
}

type leaseRecord struct {
	Holder
	Expires  time.Time `json:"expires"`
	Released bool      `json:"released,omitempty"`
	// Step is where the holder was when it renewed the lease last.
	Step string `json:"step,omitempty"`
}

// inForce tells whether the holder may still act upon the lease.
func (r leaseRecord) inForce(now time.Time) bool { return !r.Released && now.Before(r.Expires) }

func (r leaseRecord) free(h Holder, now time.Time) bool {
	return r.ID == h.ID || !r.inForce(now)
}

// HeldError says that another run holds the lock.
type HeldError struct {
	Holder  Holder
	Expires time.Time
}

func (e *HeldError) Error() string {
	who := e.Holder.RunURL
	if who == "" {
		who = e.Holder.ID
	}
	return fmt.Sprintf("the lock is held by %s; its lease ends at %s unless renewed", who, e.Expires.UTC().Format(time.RFC3339))
}

type lease struct {
	parameters Parameters
	prefix     string
	holder     Holder

	mu         sync.Mutex
	generation int
	expires    time.Time
	asked      time.Time // when AWS last said that it is ours
	step       string    // where the holder is
	noted      string    // where the lease says that it is
	forgotten  bool
	skew       time.Duration
}

// now is AWS's time.
func (l *lease) now() time.Time { return time.Now().Add(l.skew) }

func (l *lease) set(skew time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.generation == 0 { // what has been written stays as it was meant
		l.skew = skew
	}
}

// acquire takes the lock's next generation if the present one is free. Taken
// over from another attempt of the same job, it is only used when that one has
// surely noticed.
func (j Journal) acquire(ctx context.Context, h Holder) (*lease, error) {
	l := &lease{parameters: j.Parameters, prefix: j.Path + "/lock", holder: h}
	records, err := l.list(ctx)
	if err != nil {
		return nil, err
	}
	top := latest(records)
	for {
		record := records[top]
		if !record.free(h, l.now()) {
			return nil, &HeldError{Holder: record.Holder, Expires: record.Expires}
		}
		won, err := l.create(ctx, top+1)
		if err != nil {
			return nil, err
		}
		if won && record.inForce(l.now()) {
			if err := j.takeOver(ctx); err != nil {
				return nil, err
			}
		}
		if won {
			return l, l.prune(ctx, records)
		}
		// Somebody else has it, or the list was stale: look at that very one.
		top++
		if records[top], err = l.read(ctx, top); err != nil {
			return nil, err
		}
	}
}

// takeOver waits for an earlier attempt of the same job, which may be alive on
// a runner that GitHub has lost. A wait that is cut short does not give the lock
// back: the next attempt must wait again.
func (j Journal) takeOver(ctx context.Context) error {
	clock := Options{Clock: j.Clock}.Time()
	j.Progress.Milestone("lock", fmt.Sprintf("taken over from an attempt of this job that has not ended; waiting %s for it to notice", handover))
	if err := clock.Sleep(ctx, handover); err != nil {
		return fmt.Errorf("take the lock %s over: %w", j.Path, err)
	}
	return nil
}

// create makes a generation ours; false if it exists.
func (l *lease) create(ctx context.Context, generation int) (bool, error) {
	asked, expires := time.Now(), l.now().Add(LeaseTime)
	err := l.put(ctx, generation, leaseRecord{Holder: l.holder, Expires: expires, Step: l.step}, false)
	var exists *types.ParameterAlreadyExists
	if errors.As(err, &exists) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	l.generation, l.expires, l.asked, l.noted = generation, expires, asked, l.step
	return true, nil
}

// forget removes every generation; release does nothing then.
func (l *lease) forget(ctx context.Context) error {
	records, err := l.list(ctx)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for generation := range records {
		if generation > l.generation {
			return ErrFenced
		}
	}
	for generation := range records {
		if generation == l.generation {
			continue // the last one: nobody may start while others are removed
		}
		if err := remove(ctx, l.parameters, l.name(generation)); err != nil {
			return err
		}
	}
	l.forgotten = true
	return remove(ctx, l.parameters, l.name(l.generation))
}

// release lets anybody take the lock at once.
func (l *lease) release(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.forgotten {
		return nil
	}
	return l.put(ctx, l.generation, leaseRecord{Holder: l.holder, Expires: l.now(), Released: true}, true)
}
