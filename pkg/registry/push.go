package registry

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/org/shipkit/pkg/progress"
)

// Push makes sure that the repository holds all blobs, as many at a time as
// the link allows, and returns how each came there. Blobs that arrived before
// a failure stay.
func (r *Repository) Push(ctx context.Context, blobs []Blob) (map[string]Outcome, error) {
	var (
		mutex    sync.Mutex
		outcomes = map[string]Outcome{}
		tally    = newTally(r.options.Progress, blobs)
	)
	each := *r
	each.options.Progress = tally.receive
	group, ctx := errgroup.WithContext(ctx)
	for _, blob := range blobs {
		group.Go(func() error {
			outcome, err := each.Upload(ctx, blob)
			if err != nil {
				return err
			}
			tally.finish(blob, outcome)
			mutex.Lock()
			defer mutex.Unlock()
			outcomes[blob.Digest.String()] = outcome
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		if errors.Is(err, context.Canceled) && ctx.Err() != nil {
			return outcomes, fmt.Errorf("push to %s: %w", r.name, err)
		}
		return outcomes, err //nolint:wrapcheck // Upload says operation and object
	}
	return outcomes, nil
}

// tally adds the events of uploads that run side by side to one: bytes done,
// speed and time left.
type tally struct {
	out     progress.Func
	mutex   sync.Mutex
	started time.Time
	first   map[string]int64
	done    map[string]int64
	total   int64
}

const pushTask = "push"

func newTally(out progress.Func, blobs []Blob) *tally {
	t := &tally{out: out, started: time.Now(), first: map[string]int64{}, done: map[string]int64{}}
	for _, blob := range blobs {
		t.total += blob.Size
	}
	return t
}

// receive passes milestones on and adds the rest up.
func (t *tally) receive(e progress.Event) {
	if e.Milestone {
		t.out.Send(e)
		return
	}
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if _, seen := t.first[e.Task]; !seen {
		t.first[e.Task] = e.Done
	}
	t.done[e.Task] = e.Done
	t.send()
}

func (t *tally) finish(blob Blob, outcome Outcome) {
	task := "push layer " + short(blob.Digest)
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if outcome != Uploaded {
		t.total -= blob.Size
	} else {
		t.done[task] = blob.Size
	}
	t.send()
}

// send reports the sum. Bytes that were there before this run do not count to
// the speed.
func (t *tally) send() {
	var done, moved int64
	for task, n := range t.done {
		done += n
		moved += n - t.first[task]
	}
	e := progress.Event{Task: pushTask, Text: "sending", Done: done, Total: t.total, Unit: "B"}
	if seconds := time.Since(t.started).Seconds(); moved > 0 && seconds > 0.5 {
		speed := float64(moved) / seconds
		e.Text = fmt.Sprintf("sending at %.2f MB/s", speed/1e6)
		e.Left = time.Duration(float64(t.total-done) / speed * float64(time.Second))
	}
	t.out.Send(e)
}
