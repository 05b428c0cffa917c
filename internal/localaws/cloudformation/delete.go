package cloudformation

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

// DeleteStack begins to delete a stack. A stack that is not there, or is being
// deleted, is no error.
func (s *Service) DeleteStack(ctx context.Context,
	in *cloudformation.DeleteStackInput) (*cloudformation.DeleteStackOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, err := s.find(ctx, in.StackName)
	if err != nil || st.StackStatus == types.StackStatusDeleteComplete ||
		st.StackStatus == types.StackStatusDeleteInProgress {
		return &cloudformation.DeleteStackOutput{}, nil
	}
	if err := st.deletable(in); err != nil {
		return nil, err
	}
	token := aws.ToString(in.ClientRequestToken)
	forced := in.DeletionMode == types.DeletionModeForceDeleteStack
	stop, done := st.stop, st.done
	creating := st.StackStatus == types.StackStatusCreateInProgress
	st.deleting = true
	s.enter(st, types.StackStatusDeleteInProgress, "User Initiated", token)
	s.operate(ctx, st, func(ctx context.Context) {
		if creating {
			stop()
		}
		if done != nil {
			<-done
		}
		s.pause(ctx)
		failed := s.removeAll(ctx, st, token, false, in.RetainResources)
		if len(failed) > 0 && forced {
			failed = s.removeAll(ctx, st, token, false, failed)
		}
		switch {
		case ctx.Err() != nil:
		case len(failed) > 0:
			s.finish(st, types.StackStatusDeleteFailed, failedToDelete(failed), token, nil)
			s.mu.Lock()
			st.deleting = false
			s.mu.Unlock()
		default:
			s.finish(st, types.StackStatusDeleteComplete, "", token, nil)
		}
	})
	return &cloudformation.DeleteStackOutput{}, nil
}

func (st *stack) deletable(in *cloudformation.DeleteStackInput) error {
	status := string(st.StackStatus)
	deleteFailed := st.StackStatus == types.StackStatusDeleteFailed
	switch {
	case aws.ToBool(st.EnableTerminationProtection):
		return invalid("Stack [%s] cannot be deleted while TerminationProtection is enabled", *st.StackName)
	case len(in.RetainResources) > 0 && !deleteFailed:
		return invalid("Invalid operation on stack [%s]. RetainResources can be specified only for a stack in DELETE_FAILED state", *st.StackId)
	case in.DeletionMode == types.DeletionModeForceDeleteStack && !deleteFailed:
		return invalid("Invalid operation on stack [%s]. FORCE_DELETE_STACK can be specified only for a stack in DELETE_FAILED state", *st.StackId)
	case strings.HasPrefix(status, "UPDATE") && strings.HasSuffix(status, "IN_PROGRESS"):
		return invalid("Stack [%s] cannot be deleted while in status %s", *st.StackName, status)
	}
	return nil
}

// UpdateTerminationProtection changes whether a stack can be deleted.
func (s *Service) UpdateTerminationProtection(
	ctx context.Context, in *cloudformation.UpdateTerminationProtectionInput,
) (*cloudformation.UpdateTerminationProtectionOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, err := s.live(ctx, in.StackName)
	if err != nil {
		return nil, err
	}
	st.EnableTerminationProtection = new(aws.ToBool(in.EnableTerminationProtection))
	return &cloudformation.UpdateTerminationProtectionOutput{StackId: st.StackId}, nil
}
