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
}

// Overdue lists environments whose time is over, or whose pull request is not
// open. open holds the open pull requests' numbers; nil skips that question.
func (m *Manager) Overdue(ctx context.Context, open map[int]bool) ([]Doomed, error) {
	records, err := m.List(ctx)
	if err != nil {
		return nil, err
	}
	var doomed []Doomed
	for _, record := range records {
		switch {
		case record.Repository != m.Repository:
		case !time.Now().Before(record.Expires):
			doomed = append(doomed, Doomed{record, "expired at " + record.Expires.UTC().Format(time.RFC3339)})
		case record.State == Ending:
			doomed = append(doomed, Doomed{record, "its removal was cut off"})
		case record.Pull > 0 && open != nil && !open[record.Pull]:
			doomed = append(doomed, Doomed{record, fmt.Sprintf("pull request %d is not open", record.Pull)})
		}
	}
	return doomed, nil
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
		now, err := m.mine(ctx, n)
		switch {
		case err != nil:
			failures = append(failures, err)
		case now == nil:
			// The list lagged behind: it has ended already.
		case now.Expires.After(d.Record.Expires):
			// Somebody has extended it meanwhile.
		default:
			if _, err := m.Down(ctx, n); err != nil {
				failures = append(failures, err)
				continue
			}
			ended = append(ended, d)
		}
	}
	return ended, errors.Join(failures...)
}
