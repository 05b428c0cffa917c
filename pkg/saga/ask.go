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

// check returns ErrFenced if another run holds a later generation. What AWS
// answered a moment ago is believed: see trust.
func (l *lease) check(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.left() > lastMoment && elapsed(l.asked) < trust {
		return nil
	}
	_, err := l.asks(ctx)
	return err
}

// ask is check that believes nothing, and reads other parameters in the same
// call. It renews the lease when it runs low.
func (l *lease) ask(ctx context.Context, names ...string) (map[string]string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.asks(ctx, names...)
}

func (l *lease) asks(ctx context.Context, names ...string) (map[string]string, error) {
	left := l.left()
	switch {
	case left <= 0:
		// Whatever happened since, this process was not there to see it.
		return nil, fmt.Errorf("the lease ran out: %w", ErrFenced)
	case left <= lastMoment:
		if won, err := l.create(ctx, l.generation+1); err != nil {
			return nil, err
		} else if !won {
			return nil, ErrFenced
		}
	case left <= LeaseTime/2:
		if err := l.renew(ctx); err != nil {
			return nil, err
		}
	}
	now := time.Now()
	values, err := l.look(ctx, names)
	if err == nil {
		l.asked = now
	}
	return values, err
}

func (l *lease) renew(ctx context.Context) error {
	record := leaseRecord{Holder: l.holder, Expires: l.now().Add(LeaseTime), Step: l.step}
	if err := l.put(ctx, l.generation, record, true); err != nil {
		return err
	}
	l.expires, l.noted = record.Expires, record.Step
	return nil
}

// look asks for the next generation, which fences this one, and for other
// parameters.
func (l *lease) look(ctx context.Context, names []string) (map[string]string, error) {
	next := l.name(l.generation + 1)
	if len(names) > 0 {
		values, err := readAll(ctx, l.parameters, append([]string{next}, names...))
		if _, fenced := values[next]; fenced {
			return nil, ErrFenced
		}
		return values, err
	}
	_, err := l.parameters.GetParameter(ctx, &ssm.GetParameterInput{Name: &next})
	var missing *types.ParameterNotFound
	switch {
	case errors.As(err, &missing):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read lock %s: %w", l.prefix, err)
	default:
		return nil, ErrFenced
	}
}

// readAll reads up to ten parameters at once; what is not there is left out
// (https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameters.html).
func readAll(ctx context.Context, p Parameters, names []string) (map[string]string, error) {
	out, err := p.GetParameters(ctx, &ssm.GetParametersInput{Names: names})
	if err != nil {
		return nil, fmt.Errorf("read parameters %v: %w", names, err)
	}
	values := make(map[string]string, len(out.Parameters))
	for _, parameter := range out.Parameters {
		values[aws.ToString(parameter.Name)] = aws.ToString(parameter.Value)
	}
	return values, nil
}

// left is what is left of the lease, and elapsed what has passed. A machine that
// was suspended has two clocks that disagree: the one that stood still is not
// believed.
func (l *lease) left() time.Duration { return LeaseTime - elapsed(l.expires.Add(-LeaseTime-l.skew)) }

func elapsed(since time.Time) time.Duration {
	return max(time.Since(since), time.Since(since.Round(0)))
}

// at says where the holder is; the next renewal says it to others.
func (l *lease) at(step string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.step = step
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
				if errors.Is(l.beat(ctx), ErrFenced) {
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

// beat asks, and says where a step is that takes its time.
func (l *lease) beat(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.step != l.noted && l.left() > lastMoment {
		if err := l.renew(ctx); err != nil {
			return err
		}
	}
	_, err := l.asks(ctx)
	return err
}
