package stack

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/org/shipkit/pkg/diag"
)

// Started says what Start did.
type Started struct {
	// ID is the stack's ARN: wait by it, because a name may come to mean
	// another stack.
	ID string
	// Changed is false when the stack is as requested already.
	Changed bool

	token string // of the request that began the change, if this call made it
}

// Start brings a stack on its way to the request and returns without waiting
// for the end. A stack on that way already, or there, is left alone.
func (d *Driver) Start(ctx context.Context, r Request) (Started, error) {
	if r.New {
		started, err := d.carryOut(ctx, proposal{Request: r, name: r.changeSetName(nil), kind: types.ChangeSetTypeCreate})
		if code(err) != "ValidationError" {
			return started, err
		}
	}
	existing, err := d.clear(ctx, r)
	if err != nil {
		return Started{}, err
	}
	if existing != nil && existing.madeBy(r) && (existing.Busy() || existing.Ready()) {
		return Started{ID: existing.ID, Changed: existing.Busy()}, nil
	}
	kind := types.ChangeSetTypeUpdate
	switch {
	case existing == nil || existing.Proposed():
		kind = types.ChangeSetTypeCreate
	case existing.Busy():
		return Started{}, busy(existing)
	case existing.Failed() && existing.Status != "UPDATE_ROLLBACK_COMPLETE":
		return Started{}, d.stuck(ctx, existing)
	}
	return d.carryOut(ctx, proposal{Request: r, name: r.changeSetName(existing), kind: kind})
}

// carryOut creates a change set and executes it.
func (d *Driver) carryOut(ctx context.Context, p proposal) (Started, error) {
	set, err := d.propose(ctx, p)
	if err != nil {
		return Started{}, err
	}
	started := Started{ID: aws.ToString(set.StackId)}
	if set.Status == types.ChangeSetStatusFailed {
		return started, d.discard(ctx, p, set)
	}
	started.Changed = true
	started.token, err = d.execute(ctx, p, set)
	return started, err
}

// proposal is a request on its way into a change set.
type proposal struct {
	Request
	name string // of the change set
	kind types.ChangeSetType
}

// Ensure starts and waits.
func (d *Driver) Ensure(ctx context.Context, r Request) (*Stack, error) {
	started, err := d.Start(ctx, r)
	if err != nil {
		return nil, err
	}
	return d.wait(ctx, started.ID, started.token)
}

// madeBy tells whether the stack's latest change was this request.
func (s *Stack) madeBy(r Request) bool {
	return strings.Contains(s.changeSet, ":changeSet/"+r.fingerprint()+"-")
}

// clear makes room: it waits for a deletion under way, and deletes a stack
// that was never complete if that is allowed. It returns what is there then.
func (d *Driver) clear(ctx context.Context, r Request) (*Stack, error) {
	existing, err := d.Look(ctx, r.Name)
	if err != nil || existing == nil {
		return nil, err
	}
	if existing.Stillborn() && r.Recreate {
		if !existing.Bears(r.Owner) || len(r.Owner) == 0 {
			return nil, foreign(existing)
		}
		cause := diag.From(d.stuck(ctx, existing))[0].Summary
		d.Progress.Warn(task(r.Name), cause+"; deleting it to create it again")
		if err := d.BeginDelete(ctx, existing.ID); err != nil {
			return nil, err
		}
		existing.Status = "DELETE_IN_PROGRESS"
	}
	if !existing.Deleting() {
		return existing, nil
	}
	if err := d.awaitDeletion(ctx, existing.Name, existing.ID); err != nil {
		return nil, err
	}
	return nil, nil
}

// propose creates the request's change set, or finds the one that an earlier
// run created, and waits until it is computed.
func (d *Driver) propose(ctx context.Context, r proposal) (*cloudformation.DescribeChangeSetOutput, error) {
	_, err := d.Client.CreateChangeSet(ctx, r.input(r.name, r.kind, d.RoleARN))
	if err != nil && code(err) != "AlreadyExistsException" {
		return nil, explainRequest(r.Name, err)
	}
	again := err != nil
	// Most are computed within a second.
	for wait := min(time.Second/2, d.every()); ; wait = min(2*wait, d.every()) {
		set, err := d.Client.DescribeChangeSet(ctx,
			&cloudformation.DescribeChangeSetInput{StackName: &r.Name, ChangeSetName: &r.name})
		if err != nil {
			return nil, fmt.Errorf("describe the change set of stack %s: %w", r.Name, err)
		}
		switch set.Status {
		case types.ChangeSetStatusCreateComplete:
			return set, nil
		case types.ChangeSetStatusFailed:
			if !again || empty(set) {
				return set, nil
			}
			// It failed in an earlier run, perhaps for a reason that is gone.
			again = false
			if err := d.deleteChangeSet(ctx, r); err != nil {
				return nil, err
			}
			if _, err := d.Client.CreateChangeSet(ctx, r.input(r.name, r.kind, d.RoleARN)); err != nil {
				return nil, explainRequest(r.Name, err)
			}
			continue
		}
		if err := d.pause(ctx, wait); err != nil {
			return nil, fmt.Errorf("wait for the change set of stack %s: %w", r.Name, err)
		}
	}
}

// empty recognises a change set without changes, which CloudFormation calls
// failed.
func empty(set *cloudformation.DescribeChangeSetOutput) bool {
	reason := aws.ToString(set.StatusReason)
	return strings.Contains(reason, "didn't contain changes") || strings.Contains(reason, "No updates are to be performed")
}

// discard deletes a change set that cannot be executed. One without changes is
// no error.
func (d *Driver) discard(ctx context.Context, r proposal, set *cloudformation.DescribeChangeSetOutput) error {
	if !empty(set) {
		return &diag.Diagnostic{
			Summary: fmt.Sprintf("stack %s: the change set failed: %s", r.Name, plain(aws.ToString(set.StatusReason))),
			Try:     "correct the template or its parameters",
		}
	}
	d.Progress.Milestone(task(r.Name), "has no changes")
	return d.deleteChangeSet(ctx, r)
}

func (d *Driver) deleteChangeSet(ctx context.Context, r proposal) error {
	_, err := d.Client.DeleteChangeSet(ctx, &cloudformation.DeleteChangeSetInput{StackName: &r.Name, ChangeSetName: &r.name})
	if err != nil {
		return fmt.Errorf("delete the change set of stack %s: %w", r.Name, err)
	}
	return nil
}

// execute begins the change and returns the token that its events bear. The
// token makes a repetition harmless; a change set that was executed already is
// none to execute.
func (d *Driver) execute(ctx context.Context, r proposal, set *cloudformation.DescribeChangeSetOutput) (string, error) {
	token := r.name + "-" + suffix(aws.ToString(set.ChangeSetId))
	switch set.ExecutionStatus {
	case types.ExecutionStatusExecuteComplete, types.ExecutionStatusExecuteInProgress:
		return token, nil
	}
	_, err := d.Client.ExecuteChangeSet(ctx, &cloudformation.ExecuteChangeSetInput{
		StackName: &r.Name, ChangeSetName: &r.name, ClientRequestToken: &token,
	})
	if err != nil {
		return "", explainRequest(r.Name, err)
	}
	d.Progress.Milestone(task(r.Name), summarize(set.Changes))
	return token, nil
}

// suffix tells one change set from another of the same name.
func suffix(arn string) string { return arn[strings.LastIndex(arn, "/")+1:] }

// summarize counts changes: "adds 3, changes 1, replaces 1, removes 2".
func summarize(changes []types.Change) string {
	counts := map[string]int{}
	for _, c := range changes {
		if c.ResourceChange == nil {
			continue
		}
		verb := map[types.ChangeAction]string{"Add": "adds", "Modify": "changes",
			"Remove": "removes"}[c.ResourceChange.Action]
		if c.ResourceChange.Replacement == types.ReplacementTrue {
			verb = "replaces"
		}
		counts[verb]++
	}
	var parts []string
	for _, verb := range []string{"adds", "changes", "replaces", "removes"} {
		if counts[verb] > 0 {
			parts = append(parts, fmt.Sprintf("%s %d", verb, counts[verb]))
		}
	}
	if len(parts) == 0 {
		return "changes its tags or outputs"
	}
	return strings.Join(parts, ", ")
}

func busy(s *Stack) error {
	return &diag.Diagnostic{
		Summary: fmt.Sprintf("stack %s is in %s: somebody else is changing it", s.Name, s.Status),
		Try:     "wait until it has settled and run again",
	}
}

func foreign(s *Stack) error {
	return &diag.Diagnostic{
		Summary: fmt.Sprintf("stack %s is in %s and its tags are not ours: it is left alone", s.Name, s.Status),
		Try:     "look at its events; delete it by hand if nobody needs it",
	}
}

// explainRequest says what was wrong with a request in the user's terms.
func explainRequest(name string, err error) error {
	try := ""
	switch code(err) {
	case "ValidationError":
		try = "correct the template or its parameters"
	case "InsufficientCapabilitiesException":
		try = "allow the template to create IAM resources by naming the capability"
	case "LimitExceededException":
		try = "delete stacks that nobody needs, or ask AWS for a higher quota"
	case "AccessDenied", "AccessDeniedException":
		try = "allow the missing action in the role's IAM policy"
	default:
		return fmt.Errorf("change stack %s: %w", name, err)
	}
	return &diag.Diagnostic{Summary: fmt.Sprintf("change stack %s: %s", name, message(err)), Try: try, Err: err}
}

// message is AWS's message without the SDK's wrapping.
func message(err error) string {
	var api interface{ ErrorMessage() string }
	if errors.As(err, &api) {
		return api.ErrorMessage()
	}
	return err.Error()
}
