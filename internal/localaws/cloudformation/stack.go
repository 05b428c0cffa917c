package cloudformation

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/org/shipkit/internal/localaws/wire"
)

// stack is a stack, present or deleted.
type stack struct {
	types.Stack
	Account, Region string
	Body            string
	Resources       map[string]*member // by logical ID
	Events          []types.StackEvent // oldest first
	ChangeSets      []*changeSet
	Tokens          map[string]bool // of requests that took effect

	stop     context.CancelFunc // ends the operation in progress
	done     chan struct{}      // closed when it has ended
	deleting bool               // a deletion has taken over from a creation or a rollback
}

// member is a resource of a stack.
type member struct {
	LogicalID, Type, PhysicalID         string
	Properties, Attributes              map[string]any
	Status                              types.ResourceStatus
	Reason                              string
	Updated                             string // RFC 3339
	DeletionPolicy, UpdateReplacePolicy string
	Needs                               []string // logical IDs
	Tags                                map[string]string
}

// find returns a stack by name, among those not deleted, or by ID. The lock is
// held.
func (s *Service) find(ctx context.Context, name *string) (*stack, error) {
	caller := wire.Caller(ctx)
	for _, st := range slices.Backward(s.stacks) {
		if st.Account != caller.AccountID || st.Region != caller.Region {
			continue
		}
		if *st.StackId == aws.ToString(name) || *st.StackName == aws.ToString(name) &&
			st.StackStatus != types.StackStatusDeleteComplete {
			return st, nil
		}
	}
	return nil, wire.Errorf("ValidationError", 400, "Stack with id %s does not exist", aws.ToString(name))
}

// live is find for what can be changed.
func (s *Service) live(ctx context.Context, name *string) (*stack, error) {
	st, err := s.find(ctx, name)
	if err == nil && st.StackStatus == types.StackStatusDeleteComplete {
		return nil, invalid("Stack [%s] does not exist", aws.ToString(name))
	}
	if err != nil {
		return nil, invalid("Stack [%s] does not exist", aws.ToString(name))
	}
	return st, nil
}

// open files a new stack. The lock is held.
func (s *Service) open(ctx context.Context, name *string, status types.StackStatus) (*stack, error) {
	n := aws.ToString(name)
	if !validName(n) {
		return nil, invalid("1 validation error detected: Value '%s' at 'stackName' failed to satisfy constraint: "+
			"Member must satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*", n)
	}
	caller := wire.Caller(ctx)
	uuid := strings.ToLower(rand.Text())
	st := &stack{
		Account: caller.AccountID, Region: caller.Region, Resources: map[string]*member{}, Tokens: map[string]bool{},
		Stack: types.Stack{
			StackName: &n, StackStatus: status, CreationTime: new(s.world.Clock.Now()),
			StackId: new(fmt.Sprintf("arn:aws:cloudformation:%s:%s:stack/%s/%s-%s", caller.Region,
				caller.AccountID, n, uuid[:8], uuid[8:20])),
			DriftInformation: &types.StackDriftInformation{StackDriftStatus: types.StackDriftStatusNotChecked},
		},
	}
	s.stacks = append(s.stacks, st)
	return st, nil
}

func validName(name string) bool {
	if name == "" || len(name) > 128 {
		return false
	}
	for i, r := range name {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (i == 0 || r != '-' && (r < '0' || r > '9')) {
			return false
		}
	}
	return true
}

func invalid(format string, args ...any) error {
	return wire.Errorf("ValidationError", 400, format, args...)
}

// enter changes the stack's state and records the event. The lock is held.
func (s *Service) enter(st *stack, status types.StackStatus, reason, token string) {
	st.StackStatus = status
	st.StackStatusReason = optional(reason)
	if status == types.StackStatusDeleteComplete {
		st.DeletionTime = new(s.world.Clock.Now())
	}
	s.record(st, *st.StackName, "AWS::CloudFormation::Stack", *st.StackId, types.ResourceStatus(status), reason, token, "")
}

// set changes a resource's state and records the event.
func (s *Service) set(st *stack, m *member, status types.ResourceStatus, reason, token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m.Status, m.Reason = status, reason
	m.Updated = s.world.Clock.Now().Format("2006-01-02T15:04:05.000Z07:00")
	s.record(st, m.LogicalID, m.Type, m.PhysicalID, status, reason, token, encode(m.Properties))
}

// record adds an event. The lock is held.
func (s *Service) record(st *stack, logicalID, typ, physicalID string, status types.ResourceStatus, reason, token,
	properties string) {
	st.Events = append(st.Events, types.StackEvent{
		EventId: new(fmt.Sprintf("%s-%s-%d", logicalID, status, len(st.Events))), StackId: st.StackId,
		StackName: st.StackName,
		Timestamp: new(s.world.Clock.Now()), LogicalResourceId: &logicalID, ResourceType: &typ,
		PhysicalResourceId: &physicalID,
		ResourceStatus:     status, ResourceStatusReason: optional(reason), ClientRequestToken: optional(token),
		ResourceProperties: optional(properties),
	})
}

// updatable refuses a change of a stack in another state than a settled one.
func (st *stack) updatable() error {
	switch st.StackStatus {
	case types.StackStatusCreateComplete, types.StackStatusUpdateComplete, types.StackStatusUpdateRollbackComplete,
		types.StackStatusCreateFailed, types.StackStatusUpdateFailed:
		return nil
	}
	return invalid("Stack:%s is in %s state and can not be updated.", *st.StackId, st.StackStatus)
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
