// Package progress carries what a long operation has done so far from the
// domain that does it to whoever shows it.
package progress

import "time"

// Event is one observation of a long operation. Domains send events freely;
// the receiver decides which are worth a line.
type Event struct {
	// Task names the operation and its object, such as "push layer 3f2a…" or
	// "rollout web". Events of one task replace each other on a live line.
	Task string
	// Text says what is happening now, in plain words.
	Text string
	// Done and Total measure the work in Unit; Total 0 means unknown.
	Done, Total int64
	// Unit is "B" for bytes (shown as MB), else a plural noun such as "tasks".
	Unit string
	// Left estimates the time to the end; 0 means unknown.
	Left time.Duration
	// Milestone marks a change that deserves a line of its own in a log:
	// a state reached, a retry, the end.
	Milestone bool
	// Warn marks a milestone that is not as it should be.
	Warn bool
}

// Func receives events, in the goroutine of the work: it must return at once.
// A nil Func is valid and drops them.
type Func func(Event)

// Send passes e on if f is not nil.
func (f Func) Send(e Event) {
	if f != nil {
		f(e)
	}
}

// Milestone sends a line worth keeping in a log.
func (f Func) Milestone(task, text string) {
	f.Send(Event{Task: task, Text: text, Milestone: true})
}

// Warn sends a milestone that is not as it should be.
func (f Func) Warn(task, text string) {
	f.Send(Event{Task: task, Text: text, Milestone: true, Warn: true})
}
