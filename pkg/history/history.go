// Package history keeps what was deployed to an environment, in Parameter
// Store, so that anybody can ask what runs where, since when, by whom and from
// which commit.
//
// Each deployment is a parameter /<namespace>/deployments/<timestamp>. The
// newest are kept, the others pruned.
package history

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/org/shipkit/pkg/namespace"
)

// Status is how a deployment ended.
type Status string

// The ends of a deployment.
const (
	Succeeded  Status = "succeeded"
	Failed     Status = "failed"
	RolledBack Status = "rolled-back"
	Cancelled  Status = "cancelled"
)

// Stage is one part of a deployment, such as a job of its workflow.
type Stage struct {
	Name string `json:"name"`
	// Result is success, failure, cancelled or skipped.
	Result  string `json:"result"`
	Seconds int    `json:"seconds,omitempty"`
	// BytesSent and BytesSaved are what went over the link, and what would
	// have without shipkit.
	BytesSent  int64  `json:"bytesSent,omitempty"`
	BytesSaved int64  `json:"bytesSaved,omitempty"`
	Reason     string `json:"reason,omitempty"`
	// RolledBack says that the stage put back what it had changed.
	RolledBack bool `json:"rolledBack,omitempty"`
}

// Record is one deployment.
type Record struct {
	// ID is the timestamp that names the record.
	ID          namespace.Timestamp `json:"id"`
	Environment string              `json:"environment"`
	Status      Status              `json:"status"`
	// Version is what was deployed, as people call it; Commit and Image say it
	// exactly.
	Version string `json:"version,omitempty"`
	Commit  string `json:"commit,omitempty"`
	// CommitTime orders commits, so that an old run does not go back in time.
	CommitTime time.Time `json:"commitTime,omitzero"`
	Image      string    `json:"image,omitempty"`
	// Database is the database version that the environment uses.
	Database namespace.Timestamp `json:"database,omitempty"`
	By       string              `json:"by,omitempty"`
	RunURL   string              `json:"runUrl,omitempty"`
	Reason   string              `json:"reason,omitempty"`
	Seconds  int                 `json:"seconds,omitempty"`
	Stages   []Stage             `json:"stages,omitempty"`
}

// Parameters is the part of Parameter Store that a history uses.
type Parameters interface {
	PutParameter(context.Context, *ssm.PutParameterInput, ...func(*ssm.Options)) (*ssm.PutParameterOutput, error)
	GetParametersByPath(context.Context, *ssm.GetParametersByPathInput, ...func(*ssm.Options)) (*ssm.GetParametersByPathOutput, error)
	DeleteParameter(context.Context, *ssm.DeleteParameterInput, ...func(*ssm.Options)) (*ssm.DeleteParameterOutput, error)
}

var _ Parameters = (*ssm.Client)(nil)

// History is an environment's deployments.
type History struct {
	Parameters Parameters
	Namespace  namespace.Namespace
}

// sizeLimit is Parameter Store's for a standard parameter, in bytes
// (https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html).
const sizeLimit = 4096

func (h History) root() string { return h.Namespace.Parameter("deployments") }

// Add writes a record and prunes all but the newest keep. A record that is too
// large loses its stages' reasons, then its stages. Where another of that second
// is there already, the record's ID becomes the next second that is free.
func (h History) Add(ctx context.Context, r *Record, keep int) error {
	for {
		text, err := fit(*r)
		if err != nil {
			return err
		}
		name := h.Namespace.Parameter("deployments", string(r.ID))
		_, err = h.Parameters.PutParameter(ctx, &ssm.PutParameterInput{Name: &name, Value: aws.String(text), Type: types.ParameterTypeString})
		var taken *types.ParameterAlreadyExists
		if errors.As(err, &taken) {
			r.ID = namespace.TimestampOf(r.ID.Time().Add(time.Second))
			continue
		}
		if err != nil {
			return fmt.Errorf("write deployment %s: %w", name, err)
		}
		return h.prune(ctx, keep)
	}
}

func fit(r Record) (string, error) {
	for _, smaller := range []func(){
		func() {},
		func() {
			r.Stages = slices.Clone(r.Stages)
			for i := range r.Stages {
				r.Stages[i].Reason = ""
			}
		},
		func() { r.Stages = nil },
		func() { r.Reason = cut(r.Reason, 1000) },
	} {
		smaller()
		text, err := json.Marshal(r)
		if err != nil {
			return "", fmt.Errorf("write deployment %s: %w", r.ID, err)
		}
		if len(text) <= sizeLimit {
			return string(text), nil
		}
	}
	return "", fmt.Errorf("write deployment %s: it has more than %d bytes", r.ID, sizeLimit)
}

func cut(s string, n int) string {
	if runes := []rune(s); len(runes) > n {
		return string(runes[:n]) + "…"
	}
	return s
}

func (h History) prune(ctx context.Context, keep int) error {
	if keep <= 0 {
		return nil
	}
	names, err := h.names(ctx)
	if err != nil || len(names) <= keep {
		return err
	}
	slices.Sort(names)
	for _, name := range names[:len(names)-keep] {
		_, err := h.Parameters.DeleteParameter(ctx, &ssm.DeleteParameterInput{Name: &name})
		var missing *types.ParameterNotFound
		if err != nil && !errors.As(err, &missing) {
			return fmt.Errorf("prune deployment %s: %w", name, err)
		}
	}
	return nil
}

func (h History) names(ctx context.Context) ([]string, error) {
	var names []string
	err := h.each(ctx, func(p types.Parameter) { names = append(names, aws.ToString(p.Name)) })
	return names, err
}

// List returns the records, the newest first. What somebody has put there that
// is no record is left out.
func (h History) List(ctx context.Context) ([]Record, error) {
	var records []Record
	err := h.each(ctx, func(p types.Parameter) {
		var r Record
		if json.Unmarshal([]byte(aws.ToString(p.Value)), &r) != nil || path.Base(aws.ToString(p.Name)) != string(r.ID) {
			return
		}
		records = append(records, r)
	})
	slices.SortFunc(records, func(a, b Record) int {
		if a.ID.Before(b.ID) {
			return 1
		}
		return -1
	})
	return records, err
}

func (h History) each(ctx context.Context, use func(types.Parameter)) error {
	pages := ssm.NewGetParametersByPathPaginator(h.Parameters, &ssm.GetParametersByPathInput{Path: aws.String(h.root())})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("list deployments below %s: %w", h.root(), err)
		}
		for _, parameter := range page.Parameters {
			use(parameter)
		}
	}
	return nil
}

// Current returns the newest record that succeeded; nil if there is none.
func Current(records []Record) *Record {
	for i := range records {
		if records[i].Status == Succeeded {
			return &records[i]
		}
	}
	return nil
}

var digest = regexp.MustCompile(`sha256:[0-9a-f]{64}`)

// OfImage returns the newest record that succeeded with one of the images that
// are named by digest in the text; nil if there is none.
func OfImage(records []Record, images string) *Record {
	named := digest.FindAllString(images, -1)
	for i := range records {
		of := digest.FindString(records[i].Image)
		if records[i].Status == Succeeded && of != "" && slices.Contains(named, of) {
			return &records[i]
		}
	}
	return nil
}

// BackInTime tells why deploying a commit of that time would go back: a newer
// one serves already. It returns "" if it would not, or if a time is unknown.
func BackInTime(records []Record, commit string, commitTime time.Time) string {
	current := Current(records)
	if current == nil || current.Commit == commit || commitTime.IsZero() || !commitTime.Before(current.CommitTime) {
		return ""
	}
	return fmt.Sprintf("commit %.12s of %s is older than %.12s of %s, which was deployed at %s",
		commit, commitTime.UTC().Format(time.RFC3339), current.Commit, current.CommitTime.UTC().Format(time.RFC3339),
		current.ID.Time().Format(time.RFC3339))
}
