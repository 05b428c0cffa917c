package saga

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/org/shipkit/pkg/namespace"
	"github.com/org/shipkit/pkg/progress"
)

// Parameters is the part of Parameter Store that a saga uses.
type Parameters interface {
	GetParameter(context.Context, *ssm.GetParameterInput, ...func(*ssm.Options)) (*ssm.GetParameterOutput, error)
	GetParameters(context.Context, *ssm.GetParametersInput, ...func(*ssm.Options)) (*ssm.GetParametersOutput, error)
	GetParametersByPath(context.Context, *ssm.GetParametersByPathInput, ...func(*ssm.Options)) (*ssm.GetParametersByPathOutput, error)
	PutParameter(context.Context, *ssm.PutParameterInput, ...func(*ssm.Options)) (*ssm.PutParameterOutput, error)
	DeleteParameter(context.Context, *ssm.DeleteParameterInput, ...func(*ssm.Options)) (*ssm.DeleteParameterOutput, error)
}

var _ Parameters = (*ssm.Client)(nil)

// Status is where an operation stands.
type Status string

// The states of an operation. Done and Undone are its ends.
const (
	Running  Status = "running"
	Detached Status = "detached"
	Undoing  Status = "undoing"
	Done     Status = "done"
	Undone   Status = "undone"
)

// Ended tells whether nothing is left to do.
func (s Status) Ended() bool { return s == Done || s == Undone }

// Operation is what the journal keeps: enough to find everything again, and no
// secret. It must stay below Parameter Store's 4 KB
// (https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html).
type Operation struct {
	// Kind is the operation's verb, such as "promote-snapshot".
	Kind string `json:"kind"`
	// Timestamp names everything that the operation makes.
	Timestamp namespace.Timestamp `json:"timestamp"`
	// Generation is the lease's fencing number that wrote this.
	Generation int `json:"generation"`
	// Status and Step say where it stands, Note why.
	Status Status `json:"status"`
	Step   string `json:"step,omitempty"`
	Note   string `json:"note,omitempty"`
	// Data keeps the choices that a resumed run must not make again.
	Data map[string]string `json:"data,omitempty"`
	// RunURL is the workflow run that wrote this last.
	RunURL  string    `json:"runUrl,omitempty"`
	Started time.Time `json:"started"`
	Updated time.Time `json:"updated"`
	// Replaces lists kinds of operations that this one may begin over although
	// they have not ended, because it takes all back that they make.
	Replaces []string `json:"-"`
	// Beside are up to nine parameters that Begin reads with the journal, under
	// the lock and before anything is written. Still gets those that are there
	// and refuses if what the operation was planned by is no longer so.
	Beside []string                      `json:"-"`
	Still  func(map[string]string) error `json:"-"`
}

// String says what it is and where it stands.
func (o Operation) String() string {
	text := fmt.Sprintf("%s of %s is %s", o.Kind, o.Timestamp, o.Status)
	if o.Step != "" {
		text += fmt.Sprintf(" at step %q", o.Step)
	}
	return text
}

// Journal keeps one operation at a time at a path of Parameter Store, with the
// lock beside it at <path>/lock/<generation>.
type Journal struct {
	Parameters Parameters
	// Path is the parameter's name, such as /xy-0146-dev/db/operation.
	Path string
	// Clock is what a takeover waits by; nil is the wall clock.
	Clock Clock
	// Progress hears of that wait.
	Progress progress.Func
}

// noteLimit keeps the journal far from Parameter Store's 4 KB.
const noteLimit = 600

// Load returns the operation that the journal holds, nil if there is none.
func (j Journal) Load(ctx context.Context) (*Operation, error) {
	out, err := j.Parameters.GetParameter(ctx, &ssm.GetParameterInput{Name: &j.Path})
	var missing *types.ParameterNotFound
	if errors.As(err, &missing) {
		return nil, nil //nolint:nilnil // no operation is no error
	}
	if err != nil {
		return nil, fmt.Errorf("read journal %s: %w", j.Path, err)
	}
	return j.Parse(aws.ToString(out.Parameter.Value))
}

// Parse reads what the journal's parameter holds.
func (j Journal) Parse(text string) (*Operation, error) {
	var op Operation
	if err := json.Unmarshal([]byte(text), &op); err != nil {
		return nil, fmt.Errorf("read journal %s: it is not what was written there, was it edited by hand? %w", j.Path, err)
	}
	if _, err := namespace.ParseTimestamp(string(op.Timestamp)); err != nil {
		return nil, fmt.Errorf("read journal %s: %w", j.Path, err)
	}
	return &op, nil
}

// Where is Load, with the step at which an operation under way is: its lease
// says that.
func (j Journal) Where(ctx context.Context) (*Operation, error) {
	op, err := j.Load(ctx)
	if err != nil || op == nil || op.Status != Running {
		return op, err
	}
	records, err := (&lease{parameters: j.Parameters, prefix: j.Path + "/lock"}).list(ctx)
	if err != nil {
		return nil, err
	}
	if step := records[latest(records)].Step; step != "" {
		op.Step = step
	}
	return op, nil
}

func (j Journal) save(ctx context.Context, op Operation) error {
	if len(op.Note) > noteLimit {
		op.Note = op.Note[:noteLimit] + "…"
	}
	text, err := json.Marshal(op)
	if err != nil {
		return fmt.Errorf("write journal %s: %w", j.Path, err)
	}
	_, err = j.Parameters.PutParameter(ctx, &ssm.PutParameterInput{
		Name: &j.Path, Value: aws.String(string(text)), Type: types.ParameterTypeString, Overwrite: aws.Bool(true),
	})
	if err != nil {
		return fmt.Errorf("write journal %s: %w", j.Path, err)
	}
	return nil
}

// beside loads the journal and, in the same call, what fresh was planned by.
func (j Journal) beside(ctx context.Context, fresh *Operation) (known *Operation, now map[string]string, err error) {
	if fresh == nil || len(fresh.Beside) == 0 {
		known, err = j.Load(ctx)
		return known, nil, err
	}
	now, err = readAll(ctx, j.Parameters, append([]string{j.Path}, fresh.Beside...))
	if text, ok := now[j.Path]; err == nil && ok {
		known, err = j.Parse(text)
	}
	return known, now, err
}

func remove(ctx context.Context, p Parameters, name string) error {
	_, err := p.DeleteParameter(ctx, &ssm.DeleteParameterInput{Name: &name})
	var missing *types.ParameterNotFound
	if err != nil && !errors.As(err, &missing) {
		return fmt.Errorf("remove parameter %s: %w", name, err)
	}
	return nil
}
