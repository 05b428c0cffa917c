// Package stack drives CloudFormation: it brings a stack to a template through
// a change set, waits for it by its ID, says in plain words why it failed, and
// deletes it.
//
// Every verb may be repeated after a run died in the middle: change sets and
// requests bear names and tokens that derive from what was asked for, so that
// a repetition goes on with what there is.
//
// API: https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/
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
	"github.com/aws/smithy-go"

	"github.com/org/shipkit/pkg/progress"
)

// Reader looks at stacks.
type Reader interface {
	DescribeStacks(context.Context, *cloudformation.DescribeStacksInput,
		...func(*cloudformation.Options)) (*cloudformation.DescribeStacksOutput, error)
	DescribeStackEvents(context.Context, *cloudformation.DescribeStackEventsInput,
		...func(*cloudformation.Options)) (*cloudformation.DescribeStackEventsOutput, error)
}

// Changer creates and changes stacks.
type Changer interface {
	CreateChangeSet(context.Context, *cloudformation.CreateChangeSetInput,
		...func(*cloudformation.Options)) (*cloudformation.CreateChangeSetOutput, error)
	DescribeChangeSet(context.Context, *cloudformation.DescribeChangeSetInput,
		...func(*cloudformation.Options)) (*cloudformation.DescribeChangeSetOutput, error)
	ExecuteChangeSet(context.Context, *cloudformation.ExecuteChangeSetInput,
		...func(*cloudformation.Options)) (*cloudformation.ExecuteChangeSetOutput, error)
	DeleteChangeSet(context.Context, *cloudformation.DeleteChangeSetInput,
		...func(*cloudformation.Options)) (*cloudformation.DeleteChangeSetOutput, error)
}

// Remover deletes stacks.
type Remover interface {
	DeleteStack(context.Context, *cloudformation.DeleteStackInput,
		...func(*cloudformation.Options)) (*cloudformation.DeleteStackOutput, error)
	UpdateTerminationProtection(context.Context, *cloudformation.UpdateTerminationProtectionInput,
		...func(*cloudformation.Options)) (*cloudformation.UpdateTerminationProtectionOutput, error)
}

// Client is all of CloudFormation that a Driver calls.
type Client interface {
	Reader
	Changer
	Remover
}

var _ Client = (*cloudformation.Client)(nil)

// Driver works on the stacks of one account and region.
type Driver struct {
	Client Client
	// Progress receives what happens; nil drops it.
	Progress progress.Func
	// RoleARN is the role that CloudFormation works under; empty is the
	// caller's.
	RoleARN string
	// Poll is how often a stack is looked at; 0 means 5 s.
	Poll time.Duration
}

// Stack is a stack as it is.
type Stack struct {
	Name, ID string
	// Status is CloudFormation's, such as CREATE_COMPLETE; Reason is its
	// explanation, often empty.
	Status, Reason string
	Outputs, Tags  map[string]string
	Created        time.Time
	// Protected stacks cannot be deleted before the protection is taken off.
	Protected bool
	changeSet string // ARN of the change set that made it what it is
}

// Ready tells whether the stack is as its latest template says.
func (s *Stack) Ready() bool { return s.Status == "CREATE_COMPLETE" || s.Status == "UPDATE_COMPLETE" }

// Busy tells whether CloudFormation is working on the stack.
func (s *Stack) Busy() bool {
	return strings.HasSuffix(s.Status, "_IN_PROGRESS") && !s.Proposed()
}

// Proposed tells whether the stack is but a name: a change set waits to create
// it.
func (s *Stack) Proposed() bool { return s.Status == "REVIEW_IN_PROGRESS" }

// Deleting tells whether the stack is being deleted.
func (s *Stack) Deleting() bool { return s.Status == "DELETE_IN_PROGRESS" }

// Stillborn tells whether the stack was never complete and never will be: it
// can only be deleted.
func (s *Stack) Stillborn() bool {
	return s.Status == "ROLLBACK_COMPLETE" || s.Status == "ROLLBACK_FAILED" || s.Status == "CREATE_FAILED"
}

// Failed tells whether the latest operation ended otherwise than it should.
func (s *Stack) Failed() bool {
	return !s.Busy() && !s.Proposed() && !s.Ready() && s.Status != "DELETE_COMPLETE"
}

// Bears tells whether the stack has all the given tags.
func (s *Stack) Bears(tags map[string]string) bool {
	for key, value := range tags {
		if s.Tags[key] != value {
			return false
		}
	}
	return true
}

// Look describes a stack by name or ID; nil without an error means that there
// is none, or that it is deleted.
func (d *Driver) Look(ctx context.Context, nameOrID string) (*Stack, error) {
	out, err := d.Client.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &nameOrID})
	if absent(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("describe stack %s: %w", nameOrID, err)
	}
	if len(out.Stacks) == 0 || out.Stacks[0].StackStatus == types.StackStatusDeleteComplete {
		return nil, nil
	}
	return fromSDK(out.Stacks[0]), nil
}

// List returns the stacks that bear all the given tags.
func (d *Driver) List(ctx context.Context, tags map[string]string) ([]Stack, error) {
	var found []Stack
	pages := cloudformation.NewDescribeStacksPaginator(d.Client, &cloudformation.DescribeStacksInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("list stacks: %w", err)
		}
		for _, st := range page.Stacks {
			if s := fromSDK(st); s.Bears(tags) {
				found = append(found, *s)
			}
		}
	}
	return found, nil
}

func fromSDK(st types.Stack) *Stack {
	s := &Stack{
		Name: aws.ToString(st.StackName), ID: aws.ToString(st.StackId), Status: string(st.StackStatus),
		Reason: aws.ToString(st.StackStatusReason), Created: aws.ToTime(st.CreationTime),
		Protected: aws.ToBool(st.EnableTerminationProtection), changeSet: aws.ToString(st.ChangeSetId),
		Outputs: map[string]string{}, Tags: map[string]string{},
	}
	for _, o := range st.Outputs {
		s.Outputs[aws.ToString(o.OutputKey)] = aws.ToString(o.OutputValue)
	}
	for _, t := range st.Tags {
		s.Tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	return s
}

// absent recognises "Stack with id X does not exist", which has no code of its
// own.
func absent(err error) bool {
	var api smithy.APIError
	return errors.As(err, &api) && api.ErrorCode() == "ValidationError" &&
		strings.Contains(api.ErrorMessage(), "does not exist")
}

// code is AWS's error code, "" if err has none.
func code(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}

// every is the time between two looks.
func (d *Driver) every() time.Duration {
	if d.Poll == 0 {
		return 5 * time.Second
	}
	return d.Poll
}

// pause waits between two looks.
func (d *Driver) pause(ctx context.Context, wait time.Duration) error {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx) //nolint:wrapcheck // the caller's own reason
	}
}

func task(name string) string { return "stack " + name }
