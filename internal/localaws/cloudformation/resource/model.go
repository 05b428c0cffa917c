package resource

import (
	"context"
	"fmt"
	"strconv"
	"time"
)

// modelTime is how long a resource takes that is a name only.
const modelTime = 3 * time.Second

// createModel makes a resource that is a name only, or keeps the one there is.
func createModel(ctx context.Context, w *World, r *Instance) error {
	if r.PhysicalID == "" {
		r.PhysicalID = r.physicalName(128)
	}
	return w.pause(ctx, modelTime)
}

func (w *World) pause(ctx context.Context, d time.Duration) error {
	if err := w.Clock.Sleep(ctx, d); err != nil {
		return fmt.Errorf("wait for a resource: %w", err)
	}
	return nil
}

// createWaitCondition waits for signals that nobody can send here, and fails
// when its time is over: a resource that is slow, then fails. A Count of 0
// waits for none.
func createWaitCondition(ctx context.Context, w *World, r *Instance) error {
	r.PhysicalID = r.physicalName(128)
	seconds, err := strconv.Atoi(r.text("Timeout"))
	if err != nil || seconds < 0 || seconds > 43_200 {
		return &Error{Reason: "Property Timeout must be a number of seconds from 0 to 43200"}
	}
	if r.text("Count") == "0" {
		return w.pause(ctx, modelTime)
	}
	if err := w.pause(ctx, time.Duration(seconds)*time.Second); err != nil {
		return err
	}
	return &Error{Reason: "WaitCondition timed out. Received 0 conditions when expecting 1"}
}
