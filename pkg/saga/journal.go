package saga

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/org/shipkit/pkg/namespace"
)

// Parameters is the part of Parameter Store that a saga uses.
type Parameters interface {
	GetParameter(context.Context, *ssm.GetParameterInput, ...func(*ssm.Options)) (*ssm.GetParameterOutput, error)
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
	var op Operation
	if err := json.Unmarshal([]byte(aws.ToString(out.Parameter.Value)), &op); err != nil {
		return nil, fmt.Errorf("read journal %s: it is not what was written there, was it edited by hand? %w", j.Path, err)
	}
	if _, err := namespace.ParseTimestamp(string(op.Timestamp)); err != nil {
		return nil, fmt.Errorf("read journal %s: %w", j.Path, err)
	}
	return &op, nil
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

// Run is an operation that this process holds.
type Run struct {
	journal   Journal
	lease     *lease
	operation Operation
	// Resumed tells that an earlier run began the operation.
	Resumed bool
	// announced is set once the journal says that this run goes on with it.
	announced bool
}

// Operation returns where the operation stands.
func (r *Run) Operation() Operation { return r.operation }

// Begin takes the lock and either resumes the operation that the journal holds
// or starts fresh, whose timestamp is written before Begin returns. A nil
// fresh resumes only: ErrNothing if there is nothing to resume.
//
// Errors: *HeldError if another run holds the lock, *OtherError if an
// operation of another kind is under way.
func (j Journal) Begin(ctx context.Context, holder Holder, fresh *Operation) (*Run, error) {
	lease, err := acquire(ctx, j.Parameters, j.Path+"/lock", holder)
	if err != nil {
		return nil, err
	}
	run := &Run{journal: j, lease: lease}
	if err := run.load(ctx, holder, fresh); err != nil {
		return nil, errors.Join(err, run.Close(ctx))
	}
	return run, nil
}

// ErrNothing says that the journal holds no operation to resume.
var ErrNothing = errors.New("there is no operation under way")

// OtherError says that an operation of another kind has not ended.
type OtherError struct{ Operation Operation }

func (e *OtherError) Error() string {
	return "operation " + e.Operation.String() + ": finish or abort it first"
}

func (r *Run) load(ctx context.Context, holder Holder, fresh *Operation) error {
	known, err := r.journal.Load(ctx)
	if err != nil {
		return err
	}
	replaces := known != nil && fresh != nil && slices.Contains(fresh.Replaces, known.Kind)
	switch {
	case known != nil && !known.Status.Ended() && fresh != nil && known.Kind != fresh.Kind && !replaces:
		return &OtherError{Operation: *known}
	case known != nil && !known.Status.Ended() && !replaces:
		r.operation, r.Resumed = *known, true
		r.operation.RunURL = holder.RunURL
		return nil
	case fresh == nil:
		return ErrNothing
	default:
		r.operation = *fresh
		r.operation.Started = time.Now().UTC()
		r.operation.RunURL = holder.RunURL
		return r.write(ctx, Running, "", "") // the lease is of this moment
	}
}

// Remember keeps a choice in the journal.
func (r *Run) Remember(ctx context.Context, key, value string) error {
	if r.operation.Data[key] == value {
		return nil
	}
	data := map[string]string{key: value}
	for k, v := range r.operation.Data {
		if k != key {
			data[k] = v
		}
	}
	r.operation.Data = data
	return r.mark(ctx, r.operation.Status, r.operation.Step, r.operation.Note)
}

// mark writes where the operation stands, if the lease is still ours.
func (r *Run) mark(ctx context.Context, status Status, step, note string) error {
	if err := r.lease.check(ctx); err != nil {
		return err
	}
	return r.write(ctx, status, step, note)
}

func (r *Run) write(ctx context.Context, status Status, step, note string) error {
	op := r.operation
	op.Status, op.Step, op.Note = status, step, note
	op.Generation, op.Updated = r.lease.current(), time.Now().UTC()
	if err := r.journal.save(ctx, op); err != nil {
		return err
	}
	r.operation, r.announced = op, true
	if status == Detached {
		return ErrDetached
	}
	return nil
}

// Forget removes the journal and the lock, when what they are about is gone for
// good. Nobody else can hold the lock meanwhile, and a process that slept
// through its lease never wakes to it.
func (r *Run) Forget(ctx context.Context) error {
	if err := r.lease.check(ctx); err != nil {
		return err
	}
	if err := remove(ctx, r.journal.Parameters, r.journal.Path); err != nil {
		return err
	}
	return r.lease.forget(ctx)
}

func remove(ctx context.Context, p Parameters, name string) error {
	_, err := p.DeleteParameter(ctx, &ssm.DeleteParameterInput{Name: &name})
	var missing *types.ParameterNotFound
	if err != nil && !errors.As(err, &missing) {
		return fmt.Errorf("remove parameter %s: %w", name, err)
	}
	return nil
}

// Close gives the lock back, also when ctx is cancelled already.
func (r *Run) Close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return r.lease.release(ctx)
}
