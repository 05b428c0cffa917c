package saga

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
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

// keepGenerations old leases stay, so that a stale list never makes a used
// number look free.
const keepGenerations = 5

// Holder says who holds a lock.
type Holder struct {
	// ID is the same for a re-run that may take over at once, such as the same
	// job of the same workflow run.
	ID string `json:"id"`
	// RunURL tells people where to look.
	RunURL string `json:"runUrl,omitempty"`
}

type leaseRecord struct {
	Holder
	Expires  time.Time `json:"expires"`
	Released bool      `json:"released,omitempty"`
}

func (r leaseRecord) free(h Holder, now time.Time) bool {
	return r.Released || r.ID == h.ID || !now.Before(r.Expires)
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

// acquire takes the lock's next generation if the present one is free.
func acquire(ctx context.Context, p Parameters, prefix string, h Holder) (*lease, error) {
	l := &lease{parameters: p, prefix: prefix, holder: h}
	records, err := l.list(ctx)
	if err != nil {
		return nil, err
	}
	top := 0
	for generation := range records {
		top = max(top, generation)
	}
	for {
		if record, ok := records[top]; ok && !record.free(h, l.now()) {
			return nil, &HeldError{Holder: record.Holder, Expires: record.Expires}
		}
		won, err := l.create(ctx, top+1)
		if err != nil {
			return nil, err
		}
		if won {
			return l, l.prune(ctx, records)
		}
		// Somebody else has it, or the list was stale: look at that very one.
		top++
		record, err := l.read(ctx, top)
		if err != nil {
			return nil, err
		}
		records[top] = record
	}
}

// create makes a generation ours; false if it exists.
func (l *lease) create(ctx context.Context, generation int) (bool, error) {
	expires := l.now().Add(LeaseTime)
	err := l.put(ctx, generation, leaseRecord{Holder: l.holder, Expires: expires}, false)
	var exists *types.ParameterAlreadyExists
	if errors.As(err, &exists) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	l.generation, l.expires = generation, expires
	return true, nil
}

// check returns ErrFenced if another run holds a later generation, and renews
// the lease when it runs low.
func (l *lease) check(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	left := l.expires.Sub(l.now())
	if left <= 0 {
		// Whatever happened since, this process was not there to see it.
		return fmt.Errorf("the lease ran out: %w", ErrFenced)
	}
	if left <= lastMoment {
		won, err := l.create(ctx, l.generation+1)
		if err == nil && !won {
			return ErrFenced
		}
		return err
	}
	if left <= LeaseTime/2 {
		expires := l.now().Add(LeaseTime)
		if err := l.put(ctx, l.generation, leaseRecord{Holder: l.holder, Expires: expires}, true); err != nil {
			return err
		}
		l.expires = expires
	}
	_, err := l.parameters.GetParameter(ctx, &ssm.GetParameterInput{Name: aws.String(l.name(l.generation + 1))})
	var missing *types.ParameterNotFound
	switch {
	case errors.As(err, &missing):
		return nil
	case err != nil:
		return fmt.Errorf("read lock %s: %w", l.prefix, err)
	default:
		return ErrFenced
	}
}

func (l *lease) current() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.generation
}

// keep renews the lease until stop; the returned context ends with ErrFenced
// as its cause when the lease is lost.
func (l *lease) keep(ctx context.Context) (kept context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	var wait sync.WaitGroup
	wait.Go(func() {
		ticker := time.NewTicker(LeaseTime / 3)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				if errors.Is(l.check(ctx), ErrFenced) {
					cancel(ErrFenced)
				}
			}
		}
	})
	return ctx, func() {
		cancel(nil)
		wait.Wait()
	}
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
