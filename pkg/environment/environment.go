// Package environment makes environments that always end: for a pull request,
// or under any name.
//
// The end is arranged before the environment is made: a one-time schedule on
// AWS's side deletes it at its expiry, also when nobody is left to do it. Then
// comes the environment itself, from a backend. A record in Parameter Store
// says what there is; its tags are the index that lists hundreds in a few
// calls.
package environment

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/org/shipkit/pkg/namespace"
	"github.com/org/shipkit/pkg/progress"
	"github.com/org/shipkit/pkg/saga"
)

// The kinds of operations in an environment's journal.
const (
	kindUp   = "ephemeral-env-up"
	kindDown = "ephemeral-env-down"
)

// State is where an environment stands.
type State string

// The states of an environment.
const (
	Creating State = "creating"
	Ready    State = "ready"
	Paused   State = "paused"
	Ending   State = "ending"
)

// Record is what is known of an environment without asking its backend.
type Record struct {
	Namespace  string `json:"namespace"`
	Repository string `json:"repository"`
	// Kind is the backend that made it.
	Kind    string    `json:"backend,omitempty"`
	Pull    int       `json:"pull,omitempty"`
	Commit  string    `json:"commit,omitempty"`
	State   State     `json:"state"`
	URL     string    `json:"url,omitempty"`
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires"`
	// Since is when it came into its state.
	Since time.Time `json:"since,omitzero"`
	// Told is the expiry that people have been warned of.
	Told time.Time `json:"told,omitzero"`
	// Hourly is the estimated price in US dollars an hour while it runs.
	Hourly float64 `json:"hourly,omitempty"`
	RunURL string  `json:"runUrl,omitempty"`
}

// Cost estimates what the environment has cost until now.
func (r Record) Cost(now time.Time) float64 {
	if now.After(r.Expires) {
		now = r.Expires
	}
	return max(0, now.Sub(r.Created).Hours()) * r.Hourly
}

// Records keeps the records.
type Records interface {
	// Get returns nil if there is none.
	Get(ctx context.Context, n namespace.Namespace) (*Record, error)
	Put(ctx context.Context, n namespace.Namespace, r Record) error
	Delete(ctx context.Context, n namespace.Namespace) error
	// List returns the records of a repository. It may still show what was
	// deleted a moment ago: confirm with Get before acting.
	List(ctx context.Context, repository string) ([]Record, error)
}

// Slots bounds how many environments there are, and remembers those that were
// there a moment ago. A limit of 0 is no bound.
type Slots interface {
	// Look changes nothing. It tells when the owner's last slot was freed, the
	// zero time if that is not known, and *FullError if others have all.
	Look(ctx context.Context, owner string, limit int) (time.Time, error)
	// Claim takes a free slot, or keeps the one that the owner has. It returns
	// *FullError if all are taken.
	Claim(ctx context.Context, owner string, limit int) error
	Release(ctx context.Context, owner string) error
}

// FullError says that all slots are taken.
type FullError struct {
	Limit  int
	Owners []string
}

func (e *FullError) Error() string {
	return fmt.Sprintf("all %d environments are taken: %s; end one of them or allow more", e.Limit, strings.Join(e.Owners, ", "))
}

// Ends keeps the schedules that end environments.
type Ends interface {
	// Arrange ends the environment at a moment, or moves that moment.
	Arrange(ctx context.Context, n namespace.Namespace, at time.Time) error
	Cancel(ctx context.Context, n namespace.Namespace) error
}

// Backend makes and removes what an environment consists of.
type Backend interface {
	// Look returns nil if there is nothing.
	Look(ctx context.Context, n namespace.Namespace) (*Status, error)
	// Apply starts to create or update it. Repeating it goes on.
	Apply(ctx context.Context, n namespace.Namespace, r Request) error
	// Destroy starts to remove it. What is gone already is no error.
	Destroy(ctx context.Context, n namespace.Namespace) error
	// Power switches its services and databases on or off.
	Power(ctx context.Context, n namespace.Namespace, on bool) error
}

// Status is what a backend sees.
type Status struct {
	// Ready is set when it stands as Version describes. Busy: a change is under
	// way. Failed says why it never will be ready.
	Ready, Busy, Deleting bool
	Failed                string
	// Version is the request's fingerprint that it was made from.
	Version string
	URL     string
	Outputs map[string]string
}

// Request says what an environment is to be.
type Request struct {
	// Pull is the pull request's number, 0 for an environment of another name.
	Pull   int
	Commit string
	// Source is what it is made from besides, such as the text of a template
	// that the commit may not hold.
	Source     string
	TTL        time.Duration
	Hourly     float64
	Parameters map[string]string
	Tags       map[string]string
	// MaxEnvs and MaxCost bound them; 0 means no bound. HoursShare is the share
	// of the week that it runs, 1 for always.
	MaxEnvs    int
	MaxCost    float64
	HoursShare float64
}

// Manager makes environments and ends them.
type Manager struct {
	Repository string
	RunURL     string
	Parameters saga.Parameters
	Records    Records
	Slots      Slots
	Ends       Ends
	Backend    Backend
	Kind       string // the backend's name
	Holder     saga.Holder
	Options    saga.Options
	Progress   progress.Func
	// Begins is called before an Up changes anything, and not by one that finds
	// all as it should be; it may be nil.
	Begins func(ctx context.Context)
	// Answers tells whether the environment serves; nil does not ask.
	Answers func(ctx context.Context, url string) (bool, error)
	// Patience is how long another run's change is waited for.
	Patience time.Duration
	// Rest is how long after its end an environment's parameters keep their
	// names to themselves; ReuseAfter says why.
	Rest time.Duration
}

// ReuseAfter is the time that AWS asks to wait before a parameter is created
// under the name of a deleted one
// (https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_DeleteParameter.html),
// and a little, because the slot that remembers is freed before the last of
// them is deleted.
const ReuseAfter = 45 * time.Second

func (m *Manager) journal(n namespace.Namespace) saga.Journal {
	return saga.Journal{
		Parameters: m.Parameters, Path: n.Parameter("env", "operation"), Clock: m.Options.Clock, Progress: m.Progress,
	}
}

// begin takes the environment's lock, and waits for a run that holds it. What
// that run did may change everything: again looks before each further try.
func (m *Manager) begin(
	ctx context.Context, n namespace.Namespace, take func() (*saga.Run, error), again func() error,
) (*saga.Run, error) {
	deadline := time.Now().Add(m.Patience)
	for {
		run, err := take()
		if !isHeld(err) || time.Now().After(deadline) {
			return run, err
		}
		m.Progress.Send(progress.Event{Task: "environment " + n.String(), Text: "waiting: " + err.Error()})
		if err := m.sleep(ctx, 10*time.Second); err != nil {
			return nil, err
		}
		if err := again(); err != nil {
			return nil, err
		}
	}
}
