package environment

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/org/shipkit/pkg/namespace"
)

// List returns the repository's environments, by name.
func (m *Manager) List(ctx context.Context) ([]Record, error) {
	records, err := m.Records.List(ctx, m.Repository)
	slices.SortFunc(records, func(a, b Record) int { return strings.Compare(a.Namespace, b.Namespace) })
	return records, err
}

// Doomed is an environment that should not be there.
type Doomed struct {
	Record Record
	Why    string
	// Expired: its time is over, as far as this machine's clock can tell.
	Expired bool
}

// Overdue picks the environments whose time is over, or whose pull request is not
// open. open holds the open pull requests' numbers; nil skips that question.
func (m *Manager) Overdue(records []Record, open map[int]bool) []Doomed {
	var doomed []Doomed
	for _, record := range records {
		switch {
		case !m.Owns(record):
		case !time.Now().Before(record.Expires):
			doomed = append(doomed, Doomed{record, "expired at " + record.Expires.UTC().Format(time.RFC3339), true})
		case record.State == Ending:
			doomed = append(doomed, Doomed{record, "its removal was cut off", false})
		case record.Pull > 0 && open != nil && !open[record.Pull]:
			doomed = append(doomed, Doomed{record, fmt.Sprintf("pull request %d is not open", record.Pull), false})
		}
	}
	return doomed
}

// Expiring picks the environments that end within a time, and of whose end
// nobody has been told.
func (m *Manager) Expiring(records []Record, within time.Duration) []Record {
	var soon []Record
	for _, r := range records {
		left := time.Until(r.Expires)
		if m.Owns(r) && r.State != Ending && left > 0 && left <= within && !r.Told.Equal(r.Expires) {
			soon = append(soon, r)
		}
	}
	return soon
}

// Reap ends the doomed, each after a second look at its record. It goes on
// after a failure and returns those that it ended.
func (m *Manager) Reap(ctx context.Context, doomed []Doomed) ([]Doomed, error) {
	var ended []Doomed
	var failures []error
	for _, d := range doomed {
		n, err := namespace.Parse(d.Record.Namespace)
		if err != nil {
			failures = append(failures, err)
			continue
		}
		// Not if somebody has extended it meanwhile, or if only our clock is ahead;
		// and it may have ended already, for the list lags behind.
		result, err := m.end(ctx, n, func(r *Record, now time.Time) bool {
			return !r.Expires.After(d.Record.Expires) && (!d.Expired || r.State == Ending || !now.Before(r.Expires))
		})
		switch {
		case err != nil:
			failures = append(failures, err)
		case result.Changed:
			ended = append(ended, Doomed{Record: result.Record, Why: d.Why})
		}
	}
	return ended, errors.Join(failures...)
}
