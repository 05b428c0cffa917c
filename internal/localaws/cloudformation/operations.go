package cloudformation

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/org/shipkit/internal/localaws/wire"
)

func randomText() string { return rand.Text() }

// CreateStack begins to create a stack. The same token again returns the same
// stack.
func (s *Service) CreateStack(ctx context.Context,
	in *cloudformation.CreateStackInput) (*cloudformation.CreateStackOutput, error) {
	r, err := s.revise(ctx, nil, request{
		body: in.TemplateBody, url: in.TemplateURL, parameters: in.Parameters, tags: in.Tags,
		capabilities: in.Capabilities, role: in.RoleARN,
	})
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if st, err := s.find(ctx, in.StackName); err == nil {
		if token := aws.ToString(in.ClientRequestToken); token != "" && st.Tokens["create "+token] {
			return &cloudformation.CreateStackOutput{StackId: st.StackId}, nil
		}
		return nil, wire.Errorf("AlreadyExistsException", 400, "Stack [%s] already exists", aws.ToString(in.StackName))
	}
	st, err := s.open(ctx, in.StackName, types.StackStatusCreateInProgress)
	if err != nil {
		return nil, err
	}
	st.EnableTerminationProtection = new(aws.ToBool(in.EnableTerminationProtection))
	st.TimeoutInMinutes = in.TimeoutInMinutes
	st.Tokens["create "+aws.ToString(in.ClientRequestToken)] = true
	failure := in.OnFailure
	if aws.ToBool(in.DisableRollback) {
		failure = types.OnFailureDoNothing
	}
	s.begin(ctx, st, r, aws.ToString(in.ClientRequestToken), failure)
	return &cloudformation.CreateStackOutput{StackId: st.StackId}, nil
}

// begin starts to create the resources of a new stack. The lock is held.
func (s *Service) begin(ctx context.Context, st *stack, r *revision, token string, failure types.OnFailure) {
	st.assume(r)
	st.DisableRollback = new(failure == types.OnFailureDoNothing)
	s.enter(st, types.StackStatusCreateInProgress, "User Initiated", token)
	d := &deployment{Service: s, stack: st, next: r, token: token}
	s.operate(ctx, st, func(ctx context.Context) {
		s.pause(ctx)
		err := d.forward(ctx)
		var outputs []types.Output
		if err == nil {
			outputs, err = d.outputs()
		}
		if err == nil {
			s.finish(st, types.StackStatusCreateComplete, "", token, outputs)
			return
		}
		if ctx.Err() != nil {
			return // a deletion takes over, or the program ends
		}
		d.fail(ctx, failure, "The following resource(s) failed to create: "+err.Error()+". ")
	})
}

// fail ends a creation that failed.
func (d *deployment) fail(ctx context.Context, failure types.OnFailure, reason string) {
	if failure == types.OnFailureDoNothing {
		d.finish(d.stack, types.StackStatusCreateFailed, reason, d.token, nil)
		return
	}
	state, end := types.StackStatusRollbackInProgress, types.StackStatusRollbackComplete
	bad := types.StackStatusRollbackFailed
	if failure == types.OnFailureDelete {
		state, end, bad = types.StackStatusDeleteInProgress, types.StackStatusDeleteComplete, types.StackStatusDeleteFailed
	}
	d.finish(d.stack, state, reason+"Rollback requested by user.", d.token, nil)
	d.pause(ctx)
	failed := d.removeAll(ctx, d.stack, d.token, true, nil)
	if len(failed) > 0 && ctx.Err() == nil {
		d.finish(d.stack, bad, failedToDelete(failed), d.token, nil)
		return
	}
	if ctx.Err() == nil {
		d.finish(d.stack, end, "", d.token, nil)
	}
}

func failedToDelete(failed []string) string {
	return fmt.Sprintf("The following resource(s) failed to delete: [%s]. ", strings.Join(failed, ", "))
}

// assume makes the stack show a revision. The lock is held.
func (st *stack) assume(r *revision) {
	st.Body, st.Parameters, st.Tags, st.Capabilities, st.RoleARN = r.Body, r.Parameters, r.Tags, r.Capabilities, r.RoleARN
	st.Description = optional(r.template.Description)
}

// finish enters a state, with outputs if there are any.
func (s *Service) finish(st *stack, status types.StackStatus, reason, token string, outputs []types.Output) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if st.deleting && !strings.HasPrefix(string(status), "DELETE_") {
		return // a deletion has taken over
	}
	if outputs != nil {
		st.Outputs = outputs
	}
	s.enter(st, status, reason, token)
}

// operate runs a stack's operation. The lock is held.
func (s *Service) operate(ctx context.Context, st *stack, f func(context.Context)) {
	done := make(chan struct{})
	st.done = done
	st.stop = s.background(ctx, func(ctx context.Context) {
		defer close(done)
		f(ctx)
	})
}

// UpdateStack begins to change a stack.
func (s *Service) UpdateStack(ctx context.Context,
	in *cloudformation.UpdateStackInput) (*cloudformation.UpdateStackOutput, error) {
	s.mu.Lock()
	st, err := s.live(ctx, in.StackName)
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	token := aws.ToString(in.ClientRequestToken)
	if s.repeated(st, "update "+token) {
		return &cloudformation.UpdateStackOutput{StackId: st.StackId}, nil
	}
	r, err := s.revise(ctx, st, request{
		body: in.TemplateBody, url: in.TemplateURL, usePrevious: in.UsePreviousTemplate,
		parameters: in.Parameters, tags: in.Tags, capabilities: in.Capabilities, role: in.RoleARN,
	})
	if err != nil {
		return nil, err
	}
	changes, err := s.compare(ctx, st, r)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := st.updatable(); err != nil {
		return nil, err
	}
	if !changes.any() {
		return nil, invalid("No updates are to be performed.")
	}
	st.Tokens["update "+token] = true
	s.change(ctx, st, r, token, aws.ToBool(in.DisableRollback))
	return &cloudformation.UpdateStackOutput{StackId: st.StackId}, nil
}

// repeated tells whether a request with this token took effect already.
func (s *Service) repeated(st *stack, token string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !strings.HasSuffix(token, " ") && st.Tokens[token]
}

// change starts an update. The lock is held.
func (s *Service) change(ctx context.Context, st *stack, r *revision, token string, keepFailed bool) {
	old := &revision{Body: st.Body, Parameters: st.Parameters, Tags: st.Tags, Capabilities: st.Capabilities,
		RoleARN: st.RoleARN}
	description := st.Description
	st.assume(r)
	st.LastUpdatedTime = new(s.world.Clock.Now())
	s.enter(st, types.StackStatusUpdateInProgress, "User Initiated", token)
	d := &deployment{Service: s, stack: st, next: r, token: token}
	s.operate(ctx, st, func(ctx context.Context) {
		s.pause(ctx)
		err := d.forward(ctx)
		var outputs []types.Output
		if err == nil {
			outputs, err = d.outputs()
		}
		switch {
		case err == nil:
			s.finish(st, types.StackStatusUpdateCompleteCleanupInProgress, "", token, append([]types.Output{}, outputs...))
			d.cleanup(ctx)
			s.finish(st, types.StackStatusUpdateComplete, "", token, nil)
			return
		case ctx.Err() != nil:
			return
		case keepFailed:
			s.finish(st, types.StackStatusUpdateFailed,
				"The following resource(s) failed to update: "+err.Error()+". ", token, nil)
			return
		}
		s.finish(st, types.StackStatusUpdateRollbackInProgress,
			"The following resource(s) failed to update: "+err.Error()+". ", token, nil)
		s.mu.Lock()
		st.Body, st.Parameters, st.Tags, st.Capabilities, st.RoleARN, st.Description = old.Body, old.Parameters,
			old.Tags, old.Capabilities, old.RoleARN, description
		s.mu.Unlock()
		if err := d.back(ctx); err != nil {
			s.finish(st, types.StackStatusUpdateRollbackFailed,
				"The following resource(s) failed to update: "+err.Error()+". ", token, nil)
			return
		}
		s.finish(st, types.StackStatusUpdateRollbackCompleteCleanupInProgress, "", token, nil)
		s.finish(st, types.StackStatusUpdateRollbackComplete, "", token, nil)
	})
}
