package cloudformation

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/org/shipkit/internal/localaws/wire"
)

// noChange is the reason that a change set without changes fails for.
const noChange = "The submitted information didn't contain changes. Submit different information to create a change set."

// changeSet is a change that was computed and not yet made.
type changeSet struct {
	types.ChangeSetSummary
	Type      types.ChangeSetType
	Token     string
	OnFailure types.OnFailure
	Changes   []types.Change
	Revision  *revision
}

// CreateChangeSet computes what a template would change. Type CREATE makes a
// stack in REVIEW_IN_PROGRESS, or uses the one there is. The same name and
// token again return the same change set.
func (s *Service) CreateChangeSet(ctx context.Context,
	in *cloudformation.CreateChangeSetInput) (*cloudformation.CreateChangeSetOutput, error) {
	st, existing, err := s.targetOf(ctx, in)
	if err != nil || existing != nil {
		return existing, err
	}
	previous := st
	if in.ChangeSetType == types.ChangeSetTypeCreate {
		previous = nil
	}
	r, err := s.revise(ctx, previous, request{
		body: in.TemplateBody, url: in.TemplateURL, usePrevious: in.UsePreviousTemplate,
		parameters: in.Parameters, tags: in.Tags, capabilities: in.Capabilities, role: in.RoleARN,
	})
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if st == nil {
		if st, err = s.open(ctx, in.StackName, types.StackStatusReviewInProgress); err != nil {
			return nil, err
		}
		st.Tags, st.RoleARN = r.Tags, r.RoleARN
		s.enter(st, types.StackStatusReviewInProgress, "User Initiated", "")
	}
	cs := s.addChangeSet(st, in, r)
	s.background(ctx, func(ctx context.Context) { s.prepare(ctx, st, cs) })
	return &cloudformation.CreateChangeSetOutput{Id: cs.ChangeSetId, StackId: st.StackId}, nil
}

// targetOf finds the stack that a change set is for: nil for a new one. A
// repeated request gets its first answer.
func (s *Service) targetOf(ctx context.Context, in *cloudformation.CreateChangeSetInput) (*stack,
	*cloudformation.CreateChangeSetOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, err := s.find(ctx, in.StackName)
	if err == nil && st.StackStatus == types.StackStatusDeleteComplete {
		err = invalid("Stack [%s] does not exist", aws.ToString(in.StackName))
	}
	name := aws.ToString(in.ChangeSetName)
	if err == nil {
		for _, cs := range st.ChangeSets {
			if aws.ToString(cs.ChangeSetName) != name {
				continue
			}
			if cs.Token != "" && cs.Token == aws.ToString(in.ClientToken) {
				return st, &cloudformation.CreateChangeSetOutput{Id: cs.ChangeSetId, StackId: st.StackId}, nil
			}
			return nil, nil, wire.Errorf("AlreadyExistsException", 400, "ChangeSet [%s] already exists", name)
		}
	}
	if in.ChangeSetType == types.ChangeSetTypeCreate {
		if err == nil && st.StackStatus != types.StackStatusReviewInProgress {
			return nil, nil, invalid("Stack [%s] already exists and cannot be created again with the changeSet [%s].",
				*st.StackName, name)
		}
		if err != nil {
			return nil, nil, nil
		}
		return st, nil, nil
	}
	if err != nil {
		return nil, nil, invalid("Stack [%s] does not exist", aws.ToString(in.StackName))
	}
	return st, nil, st.updatable()
}

// addChangeSet files a change set. The lock is held.
func (s *Service) addChangeSet(st *stack, in *cloudformation.CreateChangeSetInput, r *revision) *changeSet {
	name := aws.ToString(in.ChangeSetName)
	id := fmt.Sprintf("arn:aws:cloudformation:%s:%s:changeSet/%s/%s", st.Region, st.Account, name,
		strings.ToLower(randomText()[:20]))
	cs := &changeSet{
		Type: in.ChangeSetType, Token: aws.ToString(in.ClientToken), Revision: r,
		ChangeSetSummary: types.ChangeSetSummary{
			ChangeSetId: &id, ChangeSetName: &name, StackId: st.StackId, StackName: st.StackName,
			Description:  in.Description,
			CreationTime: new(s.world.Clock.Now()), Status: types.ChangeSetStatusCreatePending,
			ExecutionStatus: types.ExecutionStatusUnavailable,
		},
	}
	switch in.OnStackFailure {
	case types.OnStackFailureDelete:
		cs.OnFailure = types.OnFailureDelete
	case types.OnStackFailureDoNothing:
		cs.OnFailure = types.OnFailureDoNothing
	}
	st.ChangeSets = append(st.ChangeSets, cs)
	return cs
}

// prepare computes a change set's changes.
func (s *Service) prepare(ctx context.Context, st *stack, cs *changeSet) {
	s.mark(cs, types.ChangeSetStatusCreateInProgress, "")
	s.pause(ctx)
	changes, err := s.compare(ctx, st, cs.Revision)
	if err != nil {
		s.mark(cs, types.ChangeSetStatusFailed, err.Error())
		return
	}
	if !changes.any() {
		s.mark(cs, types.ChangeSetStatusFailed, noChange)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	cs.Changes, cs.Status, cs.ExecutionStatus = changes.resources, types.ChangeSetStatusCreateComplete,
		types.ExecutionStatusAvailable
}

func (s *Service) mark(cs *changeSet, status types.ChangeSetStatus, reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	cs.Status, cs.StatusReason = status, optional(reason)
}

// changeSet finds a change set by ARN, or by its name and its stack. The lock
// is held.
func (s *Service) changeSet(ctx context.Context, name, stackName *string) (*stack, *changeSet, error) {
	for _, st := range slices.Backward(s.here(ctx)) {
		named := stackName == nil || *st.StackName == *stackName || *st.StackId == *stackName
		for _, cs := range slices.Backward(st.ChangeSets) {
			if aws.ToString(cs.ChangeSetId) == aws.ToString(name) || named && stackName != nil &&
				aws.ToString(cs.ChangeSetName) == aws.ToString(name) {
				return st, cs, nil
			}
		}
	}
	return nil, nil, wire.Errorf("ChangeSetNotFound", 404, "ChangeSet [%s] does not exist", aws.ToString(name))
}

// DescribeChangeSet tells a change set's state and changes.
func (s *Service) DescribeChangeSet(ctx context.Context,
	in *cloudformation.DescribeChangeSetInput) (*cloudformation.DescribeChangeSetOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, cs, err := s.changeSet(ctx, in.ChangeSetName, in.StackName)
	if err != nil {
		return nil, err
	}
	out := &cloudformation.DescribeChangeSetOutput{
		ChangeSetId: cs.ChangeSetId, ChangeSetName: cs.ChangeSetName, StackId: cs.StackId, StackName: cs.StackName,
		Description: cs.Description, CreationTime: cs.CreationTime, Status: cs.Status, StatusReason: cs.StatusReason,
		ExecutionStatus: cs.ExecutionStatus, Changes: cs.Changes,
	}
	if r := cs.Revision; r != nil {
		out.Parameters, out.Tags, out.Capabilities = shown(r.Parameters, r), r.Tags, r.Capabilities
	}
	return out, nil
}

// ExecuteChangeSet begins to make the change. The stack's other change sets go,
// because they were computed for the stack as it was.
func (s *Service) ExecuteChangeSet(ctx context.Context,
	in *cloudformation.ExecuteChangeSetInput) (*cloudformation.ExecuteChangeSetOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, cs, err := s.changeSet(ctx, in.ChangeSetName, in.StackName)
	if err != nil {
		return nil, err
	}
	token := aws.ToString(in.ClientRequestToken)
	if token != "" && st.Tokens["execute "+token] {
		return &cloudformation.ExecuteChangeSetOutput{}, nil
	}
	if cs.ExecutionStatus != types.ExecutionStatusAvailable {
		status := string(cs.Status)
		if cs.Status == types.ChangeSetStatusCreateComplete {
			status = string(cs.ExecutionStatus)
		}
		return nil, wire.Errorf("InvalidChangeSetStatus", 400,
			"ChangeSet [%s] cannot be executed in its current status of [%s]", *cs.ChangeSetId, status)
	}
	st.Tokens["execute "+token] = true
	st.ChangeSetId = cs.ChangeSetId
	st.ChangeSets = []*changeSet{cs}
	cs.ExecutionStatus = types.ExecutionStatusExecuteComplete
	if cs.Type != types.ChangeSetTypeCreate {
		s.change(ctx, st, cs.Revision, token, aws.ToBool(in.DisableRollback))
		return &cloudformation.ExecuteChangeSetOutput{}, nil
	}
	failure := cs.OnFailure
	if aws.ToBool(in.DisableRollback) {
		failure = types.OnFailureDoNothing
	}
	s.begin(ctx, st, cs.Revision, token, failure)
	return &cloudformation.ExecuteChangeSetOutput{}, nil
}

// DeleteChangeSet deletes a change set that was not executed. A stack in
// REVIEW_IN_PROGRESS stays.
func (s *Service) DeleteChangeSet(ctx context.Context,
	in *cloudformation.DeleteChangeSetInput) (*cloudformation.DeleteChangeSetOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, cs, err := s.changeSet(ctx, in.ChangeSetName, in.StackName)
	if err != nil {
		return &cloudformation.DeleteChangeSetOutput{}, nil
	}
	st.ChangeSets = slices.DeleteFunc(st.ChangeSets, func(other *changeSet) bool { return other == cs })
	return &cloudformation.DeleteChangeSetOutput{}, nil
}

// ListChangeSets lists a stack's change sets.
func (s *Service) ListChangeSets(ctx context.Context,
	in *cloudformation.ListChangeSetsInput) (*cloudformation.ListChangeSetsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, err := s.live(ctx, in.StackName)
	if err != nil {
		return nil, err
	}
	out := &cloudformation.ListChangeSetsOutput{}
	for _, cs := range st.ChangeSets {
		out.Summaries = append(out.Summaries, cs.ChangeSetSummary)
	}
	return out, nil
}
