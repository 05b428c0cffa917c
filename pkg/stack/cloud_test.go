package stack

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cfn "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/smithy-go"
)

// cloud is a CloudFormation in memory. A stack's template is the list of its
// resources' names; an operation takes a minute.
type cloud struct {
	mu     sync.Mutex
	stacks []*fakeStack
	fails  map[string]string // resource to reason: its next operation fails
	calls  int
	dieAt  int // the call that gets no answer, from 1; 0 is never
	before bool
	stale  time.Duration // how long DescribeStacks and events lag behind
}

type fakeStack struct {
	types.Stack
	template string
	events   []types.StackEvent
	sets     []*cfn.DescribeChangeSetOutput
	bodies   map[string]*cfn.CreateChangeSetInput
	past     []snapshotOf
}

// snapshotOf is how a stack was until a moment.
type snapshotOf struct {
	until  time.Time
	stack  types.Stack
	events int
}

var errDied = errors.New("the process died")

// call counts a call and may let the client die before or after its effect.
func (c *cloud) call(effect func() error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls++
	if c.calls == c.dieAt && c.before {
		return errDied
	}
	err := effect()
	if c.calls == c.dieAt {
		return errDied
	}
	return err
}

func refuse(code, format string, args ...any) error {
	return &smithy.GenericAPIError{Code: code, Message: fmt.Sprintf(format, args...)}
}

func (c *cloud) find(name string) *fakeStack {
	for _, s := range slices.Backward(c.stacks) {
		if *s.StackId == name || *s.StackName == name && s.StackStatus != "DELETE_COMPLETE" {
			return s
		}
	}
	return nil
}

// remember keeps the stack as it is for stale readers.
func (c *cloud) remember(s *fakeStack) {
	s.past = append(s.past, snapshotOf{time.Now().Add(c.stale), s.Stack, len(s.events)})
}

// seen is the stack as readers see it.
func (c *cloud) seen(s *fakeStack) (types.Stack, []types.StackEvent) {
	for _, p := range s.past {
		if time.Now().Before(p.until) {
			return p.stack, s.events[:p.events]
		}
	}
	return s.Stack, s.events
}

func (s *fakeStack) event(id, typ string, status, reason, token string) {
	physical := *s.StackId
	if typ != stackType {
		physical = id
	} else {
		s.StackStatus = types.StackStatus(status)
		s.StackStatusReason = &reason
	}
	s.events = append(s.events, types.StackEvent{
		EventId: new(fmt.Sprint(len(s.events))), StackId: s.StackId, StackName: s.StackName, LogicalResourceId: &id,
		ResourceType:       &typ,
		PhysicalResourceId: &physical, ResourceStatus: types.ResourceStatus(status), ResourceStatusReason: &reason,
		ClientRequestToken: &token,
	})
}

func (c *cloud) DescribeStacks(_ context.Context, in *cfn.DescribeStacksInput,
	_ ...func(*cfn.Options)) (out *cfn.DescribeStacksOutput, err error) {
	err = c.call(func() error {
		out = &cfn.DescribeStacksOutput{}
		if in.StackName == nil {
			for _, s := range c.stacks {
				out.Stacks = append(out.Stacks, s.Stack)
			}
			return nil
		}
		s := c.find(*in.StackName)
		if s == nil {
			return refuse("ValidationError", "Stack with id %s does not exist", *in.StackName)
		}
		st, _ := c.seen(s)
		out.Stacks = []types.Stack{st}
		return nil
	})
	return out, err
}

func (c *cloud) DescribeStackEvents(_ context.Context, in *cfn.DescribeStackEventsInput,
	_ ...func(*cfn.Options)) (out *cfn.DescribeStackEventsOutput, err error) {
	err = c.call(func() error {
		s := c.find(*in.StackName)
		if s == nil {
			return refuse("ValidationError", "Stack [%s] does not exist", *in.StackName)
		}
		_, events := c.seen(s)
		out = &cfn.DescribeStackEventsOutput{StackEvents: slices.Clone(events)}
		slices.Reverse(out.StackEvents)
		return nil
	})
	return out, err
}

func (c *cloud) CreateChangeSet(_ context.Context, in *cfn.CreateChangeSetInput,
	_ ...func(*cfn.Options)) (out *cfn.CreateChangeSetOutput, err error) {
	err = c.call(func() error {
		s := c.find(*in.StackName)
		switch {
		case in.ChangeSetType == "CREATE" && s != nil && s.StackStatus != "REVIEW_IN_PROGRESS":
			return refuse("ValidationError", "Stack [%s] already exists and cannot be created again", *in.StackName)
		case in.ChangeSetType == "UPDATE" && s == nil:
			return refuse("ValidationError", "Stack [%s] does not exist", *in.StackName)
		case s == nil:
			s = &fakeStack{bodies: map[string]*cfn.CreateChangeSetInput{}, Stack: types.Stack{
				StackName: in.StackName, StackId: new(fmt.Sprintf("arn:aws:cloudformation:eu-west-1:1:stack/%s/%d",
					*in.StackName, len(c.stacks))), Tags: in.Tags,
			}}
			s.event(*in.StackName, stackType, "REVIEW_IN_PROGRESS", "", "")
			c.stacks = append(c.stacks, s)
		}
		for _, set := range s.sets {
			if *set.ChangeSetName == *in.ChangeSetName {
				return refuse("AlreadyExistsException", "ChangeSet %s already exists", *in.ChangeSetName)
			}
		}
		set := &cfn.DescribeChangeSetOutput{
			ChangeSetName: in.ChangeSetName, StackId: s.StackId, Status: "CREATE_COMPLETE", ExecutionStatus: "AVAILABLE",
			ChangeSetId: new(fmt.Sprintf("arn:aws:cloudformation:eu-west-1:1:changeSet/%s/%d", *in.ChangeSetName,
				len(s.sets))),
		}
		if in.ChangeSetType == "UPDATE" && s.template == *in.TemplateBody {
			set.Status, set.ExecutionStatus = "FAILED", "UNAVAILABLE"
			set.StatusReason = new("The submitted information didn't contain changes. Submit different information to create a change set.")
		}
		s.sets = append(s.sets, set)
		s.bodies[*in.ChangeSetName] = in
		out = &cfn.CreateChangeSetOutput{Id: set.ChangeSetId, StackId: s.StackId}
		return nil
	})
	return out, err
}

func (c *cloud) changeSet(stack, name *string) (*fakeStack, *cfn.DescribeChangeSetOutput, error) {
	if s := c.find(*stack); s != nil {
		for _, set := range s.sets {
			if *set.ChangeSetName == *name {
				return s, set, nil
			}
		}
	}
	return nil, nil, refuse("ChangeSetNotFound", "ChangeSet [%s] does not exist", *name)
}

func (c *cloud) DescribeChangeSet(_ context.Context, in *cfn.DescribeChangeSetInput,
	_ ...func(*cfn.Options)) (out *cfn.DescribeChangeSetOutput, err error) {
	err = c.call(func() error {
		_, set, err := c.changeSet(in.StackName, in.ChangeSetName)
		if err != nil {
			return err
		}
		out = new(*set)
		return nil
	})
	return out, err
}

func (c *cloud) DeleteChangeSet(_ context.Context, in *cfn.DeleteChangeSetInput,
	_ ...func(*cfn.Options)) (*cfn.DeleteChangeSetOutput, error) {
	return &cfn.DeleteChangeSetOutput{}, c.call(func() error {
		s, set, err := c.changeSet(in.StackName, in.ChangeSetName)
		if err == nil {
			s.sets = slices.DeleteFunc(s.sets, func(other *cfn.DescribeChangeSetOutput) bool { return other == set })
		}
		return nil
	})
}

func (c *cloud) ExecuteChangeSet(_ context.Context, in *cfn.ExecuteChangeSetInput,
	_ ...func(*cfn.Options)) (*cfn.ExecuteChangeSetOutput, error) {
	return &cfn.ExecuteChangeSetOutput{}, c.call(func() error {
		s, set, err := c.changeSet(in.StackName, in.ChangeSetName)
		if err != nil {
			return err
		}
		if set.ExecutionStatus != "AVAILABLE" {
			return refuse("InvalidChangeSetStatus", "ChangeSet cannot be executed in its current status")
		}
		c.remember(s)
		set.ExecutionStatus = "EXECUTE_COMPLETE"
		body := s.bodies[*set.ChangeSetName]
		s.ChangeSetId, s.Tags = set.ChangeSetId, body.Tags
		verb := "UPDATE"
		if s.StackStatus == "REVIEW_IN_PROGRESS" {
			verb = "CREATE"
		}
		c.operate(s, verb, aws.ToString(in.ClientRequestToken), *body.TemplateBody)
		return nil
	})
}

// operate changes a stack in a minute of time.
func (c *cloud) operate(s *fakeStack, verb, token, template string) {
	s.event(*s.StackName, stackType, verb+"_IN_PROGRESS", "User Initiated", token)
	names := strings.Fields(template)
	for _, name := range names {
		s.event(name, "AWS::RDS::DBInstance", verb+"_IN_PROGRESS", "", token)
	}
	time.AfterFunc(time.Minute, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		failed := false
		for _, name := range names {
			reason, fails := c.fails[name]
			delete(c.fails, name)
			switch {
			case fails:
				s.event(name, "AWS::RDS::DBInstance", verb+"_FAILED", reason, token)
				failed = true
			case failed && verb == "CREATE":
				s.event(name, "AWS::RDS::DBInstance", verb+"_FAILED", "Resource creation cancelled", token)
			default:
				s.event(name, "AWS::RDS::DBInstance", verb+"_COMPLETE", "", token)
			}
		}
		end := verb + "_COMPLETE"
		if failed {
			end = map[string]string{"CREATE": "ROLLBACK_COMPLETE", "UPDATE": "UPDATE_ROLLBACK_COMPLETE",
				"DELETE": "DELETE_FAILED"}[verb]
		} else if verb != "DELETE" {
			s.template = template
		}
		s.event(*s.StackName, stackType, end, "", token)
	})
}

func (c *cloud) DeleteStack(_ context.Context, in *cfn.DeleteStackInput,
	_ ...func(*cfn.Options)) (*cfn.DeleteStackOutput, error) {
	return &cfn.DeleteStackOutput{}, c.call(func() error {
		s := c.find(*in.StackName)
		if s == nil || s.StackStatus == "DELETE_IN_PROGRESS" || s.StackStatus == "DELETE_COMPLETE" {
			return nil
		}
		if aws.ToBool(s.EnableTerminationProtection) {
			return refuse("ValidationError", "Stack [%s] cannot be deleted while TerminationProtection is enabled",
				*s.StackName)
		}
		if in.DeletionMode != "" || len(in.RetainResources) > 0 {
			return refuse("ValidationError", "a deletion must not be forced")
		}
		c.remember(s)
		c.operate(s, "DELETE", aws.ToString(in.ClientRequestToken), s.template)
		return nil
	})
}

func (c *cloud) UpdateTerminationProtection(_ context.Context, in *cfn.UpdateTerminationProtectionInput,
	_ ...func(*cfn.Options)) (*cfn.UpdateTerminationProtectionOutput, error) {
	return &cfn.UpdateTerminationProtectionOutput{}, c.call(func() error {
		c.find(*in.StackName).EnableTerminationProtection = in.EnableTerminationProtection
		return nil
	})
}
