// Package notify tells people how a deployment ended: by Slack, Microsoft
// Teams, e-mail (SMTP or Amazon SES) or a webhook of their own.
//
// A notification that does not arrive is a finding, never the end of a
// deployment: Send returns what became of each channel, not an error.
package notify

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/org/shipkit/pkg/diag"
	"github.com/org/shipkit/pkg/progress"
)

// Status is how the thing that is told of ended.
type Status string

// The statuses.
const (
	Success Status = "success"
	Failure Status = "failure"
	Warning Status = "warning"
	Info    Status = "info"
)

// Mark returns the sign that stands before a title.
func (s Status) Mark() string {
	switch s {
	case Success:
		return "✅"
	case Failure:
		return "❌"
	case Warning:
		return "⚠️"
	default:
		return "ℹ️"
	}
}

// Message is what is told: plain text, which each channel dresses in its way.
type Message struct {
	Status Status  `json:"status"`
	Title  string  `json:"title"`
	Text   string  `json:"text,omitempty"`
	Fields []Field `json:"fields,omitempty"`
	// Link is the address of the details, such as the run of the workflow.
	Link string `json:"link,omitempty"`
}

// Field is one fact of a message.
type Field struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Channel is a way to tell a message. An error of Send that can heal is a
// *TemporaryError.
type Channel interface {
	Name() string
	Send(ctx context.Context, m Message) error
}

// TemporaryError is a failure after which to try again.
type TemporaryError struct {
	Err error
	// After is how long the other side asks to wait; 0 if it does not.
	After time.Duration
}

// Error implements error.
func (e *TemporaryError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *TemporaryError) Unwrap() error { return e.Err }

// Delivery is what became of a message on one channel.
type Delivery struct {
	Channel  string
	Attempts int
	// Err is nil if the message arrived. It holds no address and no password.
	Err error
}

// Warnings says what did not arrive.
func Warnings(deliveries []Delivery) []*diag.Diagnostic {
	var found []*diag.Diagnostic
	for _, d := range deliveries {
		if d.Err != nil {
			found = append(found, &diag.Diagnostic{
				Severity: diag.Warning, Summary: fmt.Sprintf("tell %s: %s", d.Channel, d.Err), Err: d.Err,
				Try: "look at the webhook or the mail settings; the deployment is not touched",
			})
		}
	}
	return found
}

// Options of Send.
type Options struct {
	// Timeout bounds all attempts on all channels together.
	Timeout time.Duration
	// Progress receives retries. It may be nil.
	Progress progress.Func
}

// Send tells a message on all channels at the same time, with retries.
func Send(ctx context.Context, channels []Channel, m Message, o Options) []Delivery {
	ctx, cancel := context.WithTimeoutCause(ctx, o.Timeout, fmt.Errorf("timeout is %s", o.Timeout))
	defer cancel()
	deliveries := make([]Delivery, len(channels))
	var all sync.WaitGroup
	for i, channel := range channels {
		all.Go(func() { deliveries[i] = deliver(ctx, channel, m, o.Progress) })
	}
	all.Wait()
	return deliveries
}

// deliver tries until the message arrives, cannot arrive, or the time is up.
func deliver(ctx context.Context, channel Channel, m Message, report progress.Func) Delivery {
	d := Delivery{Channel: channel.Name()}
	pauses := &backoff.ExponentialBackOff{
		InitialInterval: time.Second, RandomizationFactor: 0.2, Multiplier: 2, MaxInterval: 30 * time.Second,
	}
	for {
		d.Attempts++
		d.Err = channel.Send(ctx, m)
		var temporary *TemporaryError
		if d.Err == nil || !errors.As(d.Err, &temporary) {
			return d
		}
		pause := max(pauses.NextBackOff(), temporary.After)
		if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= pause {
			return d
		}
		report.Send(progress.Event{
			Task: "notify " + d.Channel, Text: fmt.Sprintf("%s; next attempt in %s", d.Err, pause.Round(time.Second)),
		})
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return d
		}
	}
}
