package promotesnapshot

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"

	"github.com/org/shipkit/pkg/namespace"
	"github.com/org/shipkit/pkg/progress"
	"github.com/org/shipkit/pkg/snapshot"
	"github.com/org/shipkit/pkg/stack"
)

// stacks is CloudFormation as a promotion sees it.
type stacks struct{ driver *stack.Driver }

var _ snapshot.Stacks = stacks{}

func newStacks(cfg aws.Config, role string, send progress.Func) stacks {
	return stacks{&stack.Driver{Client: cloudformation.NewFromConfig(cfg), Progress: send, RoleARN: role}}
}

// Look implements snapshot.Stacks.
func (s stacks) Look(ctx context.Context, name string) (*snapshot.Stack, error) {
	found, err := s.driver.Look(ctx, name)
	if err != nil || found == nil {
		return nil, err //nolint:wrapcheck // it names the stack
	}
	seen := convert(*found)
	if found.Failed() && !found.Deleting() {
		if seen.Failed, err = s.driver.Why(ctx, found); err != nil {
			return nil, err //nolint:wrapcheck // it names the stack
		}
	}
	return &seen, nil
}

func convert(s stack.Stack) snapshot.Stack {
	return snapshot.Stack{Name: s.Name, ID: s.ID, Ready: s.Ready(), Deleting: s.Deleting(), Tags: s.Tags, Outputs: s.Outputs}
}

// Create implements snapshot.Stacks.
func (s stacks) Create(ctx context.Context, r snapshot.StackRequest) error {
	owner := map[string]string{}
	for _, tag := range []string{namespace.TagNamespace, namespace.TagTimestamp} {
		owner[tag] = r.Tags[tag]
	}
	_, err := s.driver.Start(ctx, stack.Request{
		Name: r.Name, Template: r.Template, Parameters: r.Parameters, Tags: r.Tags, Recreate: true, Owner: owner, New: r.New,
	})
	return err //nolint:wrapcheck // it names the stack
}

// Delete implements snapshot.Stacks.
func (s stacks) Delete(ctx context.Context, name string) error {
	return s.driver.BeginDelete(ctx, name) //nolint:wrapcheck // it names the stack
}

// List implements snapshot.Stacks.
func (s stacks) List(ctx context.Context, n namespace.Namespace) ([]snapshot.Stack, error) {
	found, err := s.driver.List(ctx, map[string]string{namespace.TagNamespace: n.String()})
	list := make([]snapshot.Stack, 0, len(found))
	for _, f := range found {
		list = append(list, convert(f))
	}
	return list, err //nolint:wrapcheck // it says what it lists
}
