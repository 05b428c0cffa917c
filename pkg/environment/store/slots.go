package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/org/shipkit/pkg/environment"
	"github.com/org/shipkit/pkg/namespace"
	"github.com/org/shipkit/pkg/saga"
)

// Slots keeps a row of parameters for each slot,
// /<shared namespace>/env/slot/<slot>/<generation>. Whoever creates the next
// generation with Overwrite=false has the slot, so two claims have one winner.
// It is freed by an overwrite: a name is never used a second time.
type Slots struct {
	SSM *ssm.Client
	// Shared is the project's namespace of common things.
	Shared namespace.Namespace
}

var _ environment.Slots = Slots{}

// tenancy is one generation of a slot.
type tenancy struct {
	Owner string    `json:"owner"`
	Freed time.Time `json:"freed,omitzero"`
}

// row is a slot: its tenancies by generation, of which the highest counts.
type row struct {
	top       int
	tenancies map[int]tenancy
}

func (r row) taken() bool { return r.top > 0 && r.tenancies[r.top].Freed.IsZero() }

func (r row) owner() string { return r.tenancies[r.top].Owner }

func (s Slots) root() string { return s.Shared.Parameter("env", "slot") }

func (s Slots) name(i, generation int) string {
	return s.root() + "/" + strconv.Itoa(i) + "/" + strconv.Itoa(generation)
}

// Look implements environment.Slots.
func (s Slots) Look(ctx context.Context, owner string, limit int) (time.Time, error) {
	var freed time.Time
	rows, skew, err := s.rows(ctx)
	if err != nil {
		return freed, err
	}
	var others []string
	for i, row := range rows {
		for _, t := range row.tenancies {
			if t.Owner == owner && t.Freed.After(freed) {
				freed = t.Freed
			}
		}
		if row.taken() && row.owner() == owner {
			return time.Time{}, nil
		}
		if row.taken() && i <= limit {
			others = append(others, row.owner())
		}
	}
	if !freed.IsZero() {
		freed = freed.Add(-skew) // by our clock
	}
	if limit > 0 && len(others) >= limit {
		return freed, full(limit, others)
	}
	return freed, nil
}

// Claim implements environment.Slots.
func (s Slots) Claim(ctx context.Context, owner string, limit int) error {
	rows, _, err := s.rows(ctx)
	if err != nil {
		return err
	}
	for _, row := range rows {
		if row.taken() && row.owner() == owner {
			return nil
		}
	}
	var others []string
	for i := 1; limit == 0 || i <= limit; i++ {
		row := rows[i]
		if row.taken() {
			others = append(others, row.owner())
			continue
		}
		err := s.put(ctx, s.name(i, row.top+1), tenancy{Owner: owner}, false)
		var exists *types.ParameterAlreadyExists
		switch {
		case errors.As(err, &exists):
			others = append(others, "another one, a moment ago")
		case err != nil:
			return err
		default:
			return s.prune(ctx, i, row)
		}
	}
	return full(limit, others)
}

// Release implements environment.Slots.
func (s Slots) Release(ctx context.Context, owner string) error {
	rows, skew, err := s.rows(ctx)
	if err != nil {
		return err
	}
	for i, row := range rows {
		if row.owner() != owner {
			continue
		}
		// A slot that is free already is marked again: what comes after this
		// step of an end may only happen now.
		if err := s.put(ctx, s.name(i, row.top), tenancy{Owner: owner, Freed: time.Now().Add(skew).UTC()}, true); err != nil {
			return err
		}
	}
	return nil
}

func full(limit int, owners []string) error {
	slices.Sort(owners)
	return &environment.FullError{Limit: limit, Owners: owners}
}

func (s Slots) put(ctx context.Context, name string, t tenancy, overwrite bool) error {
	text, err := json.Marshal(t)
	if err != nil {
		return fmt.Errorf("write slot %s: %w", name, err)
	}
	_, err = s.SSM.PutParameter(ctx, &ssm.PutParameterInput{
		Name: &name, Value: aws.String(string(text)), Type: types.ParameterTypeString, Overwrite: &overwrite,
	})
	if err != nil {
		return fmt.Errorf("write slot %s: %w", name, err)
	}
	return nil
}

// prune removes the tenancies before the last one, which still tells who was
// there a moment ago.
func (s Slots) prune(ctx context.Context, i int, known row) error {
	for generation := range known.tenancies {
		if generation >= known.top {
			continue
		}
		if err := deleteParameter(ctx, s.SSM, s.name(i, generation)); err != nil {
			return err
		}
	}
	return nil
}

// rows reads the slots, and how far AWS's clock is ahead of ours: times in them
// are AWS's.
func (s Slots) rows(ctx context.Context) (map[int]row, time.Duration, error) {
	rows := map[int]row{}
	var skew time.Duration
	root := s.root()
	pages := ssm.NewGetParametersByPathPaginator(s.SSM, &ssm.GetParametersByPathInput{Path: &root, Recursive: aws.Bool(true)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, 0, fmt.Errorf("list slots below %s: %w", root, err)
		}
		skew = saga.Skew(page.ResultMetadata)
		for _, parameter := range page.Parameters {
			slot, number, _ := strings.Cut(strings.TrimPrefix(aws.ToString(parameter.Name), root+"/"), "/")
			i, bad := strconv.Atoi(slot)
			generation, worse := strconv.Atoi(number)
			if bad != nil || worse != nil {
				continue // not one of ours
			}
			var t tenancy
			if err := json.Unmarshal([]byte(aws.ToString(parameter.Value)), &t); err != nil {
				return nil, 0, fmt.Errorf("read slot %s: was it edited by hand? %w", aws.ToString(parameter.Name), err)
			}
			r := rows[i]
			if r.tenancies == nil {
				r.tenancies = map[int]tenancy{}
			}
			r.tenancies[generation], r.top = t, max(r.top, generation)
			rows[i] = r
		}
	}
	return rows, skew, nil
}
