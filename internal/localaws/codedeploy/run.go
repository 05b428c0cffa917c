package codedeploy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
	awsecs "github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// patience is how long CodeDeploy waits for the replacement task set to become healthy.
const patience = 60 * time.Minute

// failure is why a deployment ends before it has succeeded.
type failure struct {
	status types.DeploymentStatus
	code   types.ErrorCode
	words  string
	back   bool // roll back
}

// run takes a deployment to its end.
func (s *Service) run(ctx context.Context, d *deployment) {
	if f := s.call(d, d.spec.at("")); f != nil {
		s.end(d, *f)
		return
	}
	shift, err := s.shift(ctx, d)
	arn := ""
	if err == nil {
		arn, err = s.services.BeginShift(ctx, shift)
	}
	if err != nil {
		s.end(d, s.failed(d, types.ErrorCodeEcsUpdateError, "The ECS service cannot be updated due to an exception: "+err.Error()))
		return
	}
	now, f := s.advance(ctx, d, arn)
	switch {
	case s.ctx.Err() != nil:
	case f == nil:
		s.end(d, failure{status: types.DeploymentStatusSucceeded})
	default:
		s.back(ctx, d, arn, now, *f)
	}
}

// advance follows the shift until it has succeeded, or the deployment fails.
func (s *Service) advance(ctx context.Context, d *deployment, arn string) (ecstypes.ServiceDeployment, *failure) {
	began := s.clock.Now()
	for {
		now, err := s.look(ctx, arn)
		switch {
		case err != nil:
			f := s.failed(d, types.ErrorCodeInternalError, err.Error())
			return now, &f
		case now.Status == ecstypes.ServiceDeploymentStatusSuccessful:
			return now, nil
		case now.LifecycleStage == ecstypes.ServiceDeploymentLifecycleStageScaleUp && s.clock.Now().Sub(began) > patience:
			f := s.failed(d, types.ErrorCodeTimeout, "The deployment timed out while waiting for the replacement task set to "+
				"become healthy. This time out period is 60 minutes.")
			return now, &f
		}
		if hook := waiting(now); hook != nil {
			if f := s.call(d, d.spec.at(ecstypes.DeploymentLifecycleHookStage(now.LifecycleStage))); f != nil {
				return now, f
			}
			s.goOn(ctx, arn, hook)
		}
		select {
		case back := <-d.stopped:
			return now, &failure{types.DeploymentStatusStopped, types.ErrorCodeManualStop, "The deployment was stopped by the user", back}
		default:
		}
		if s.clock.Sleep(ctx, 2*time.Second) != nil {
			return now, nil
		}
	}
}

// look describes the shift.
func (s *Service) look(ctx context.Context, arn string) (ecstypes.ServiceDeployment, error) {
	out, err := s.services.DescribeServiceDeployments(ctx, &awsecs.DescribeServiceDeploymentsInput{ServiceDeploymentArns: []string{arn}})
	if err != nil {
		return ecstypes.ServiceDeployment{}, fmt.Errorf("describe the shift: %w", err)
	}
	if len(out.ServiceDeployments) == 0 {
		return ecstypes.ServiceDeployment{}, errors.New("the service is gone")
	}
	return out.ServiceDeployments[0], nil
}

// waiting is the ID of the hook that holds the shift, or nil.
func waiting(now ecstypes.ServiceDeployment) *string {
	i := slices.IndexFunc(now.LifecycleHookDetails, func(h ecstypes.DeploymentLifecycleHookDetail) bool {
		return h.Status == ecstypes.DeploymentLifecycleHookStatusAwaitingAction
	})
	if i < 0 {
		return nil
	}
	return now.LifecycleHookDetails[i].HookId
}

func (s *Service) goOn(ctx context.Context, arn string, hook *string) {
	_, _ = s.services.ContinueServiceDeployment(ctx, &awsecs.ContinueServiceDeploymentInput{
		ServiceDeploymentArn: &arn, HookId: hook, Action: ecstypes.DeploymentLifecycleHookActionContinue,
	}) // the next look tells
}

// call calls the functions of hooks, in order.
func (s *Service) call(d *deployment, hooks []appHook) *failure {
	for _, h := range hooks {
		s.mu.Lock()
		function := s.functions[h.function]
		s.mu.Unlock()
		if function == nil {
			f := s.failed(d, types.ErrorCodeInvalidLambdaFunction, "The Lambda function "+h.function+" of the hook "+h.event+" does not exist")
			return &f
		}
		if err := function(); err != nil {
			f := s.failed(d, types.ErrorCodeHookExecutionFailure, "The hook "+h.event+" failed: "+err.Error())
			return &f
		}
	}
	return nil
}

// failed is a failure that is rolled back if the group says so.
func (s *Service) failed(d *deployment, code types.ErrorCode, words string) failure {
	auto := d.group.AutoRollbackConfiguration
	back := auto != nil && auto.Enabled && slices.Contains(auto.Events, types.AutoRollbackEventDeploymentFailure)
	return failure{types.DeploymentStatusFailed, code, words, back}
}

// back ends a deployment that failed or was stopped. Before traffic has moved, and with a rollback, the service goes back to
// what it ran; else the new revision keeps the traffic that it has.
func (s *Service) back(ctx context.Context, d *deployment, arn string, now ecstypes.ServiceDeployment, f failure) {
	moved := now.TargetServiceRevision != nil && aws.ToFloat64(now.TargetServiceRevision.RequestedProductionTrafficWeight) >= 100
	if moved && !f.back {
		if hook := waiting(now); hook != nil {
			s.goOn(ctx, arn, hook)
		}
		s.end(d, f)
		return
	}
	_, err := s.services.StopServiceDeployment(ctx, &awsecs.StopServiceDeploymentInput{
		ServiceDeploymentArn: &arn, StopType: ecstypes.StopServiceDeploymentStopTypeRollback,
	})
	if !f.back || err != nil {
		s.end(d, f)
		return
	}
	rollback := s.endWithRollback(d, f)
	for {
		now, err := s.look(ctx, arn)
		switch {
		case err != nil || now.Status == ecstypes.ServiceDeploymentStatusRollbackFailed:
			s.end(rollback, failure{types.DeploymentStatusFailed, types.ErrorCodeEcsUpdateError, "The service could not go back", false})
			return
		case now.Status == ecstypes.ServiceDeploymentStatusRollbackSuccessful:
			s.end(rollback, failure{status: types.DeploymentStatusSucceeded})
			return
		case s.clock.Sleep(ctx, 2*time.Second) != nil:
			return
		}
	}
}

// endWithRollback ends a deployment with another one that takes it back.
func (s *Service) endWithRollback(d *deployment, f failure) *deployment {
	s.mu.Lock()
	defer s.mu.Unlock()
	rollback := s.record(d.group, types.DeploymentCreatorCodeDeployRollback)
	rollback.info.RollbackInfo = &types.RollbackInfo{RollbackTriggeringDeploymentId: d.info.DeploymentId}
	d.info.RollbackInfo = &types.RollbackInfo{
		RollbackDeploymentId: rollback.info.DeploymentId, RollbackMessage: aws.String("Deployment was rolled back: " + f.words),
	}
	s.close(d, f)
	return rollback
}

// end ends a deployment.
func (s *Service) end(d *deployment, f failure) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.close(d, f)
}

// close sets how a deployment ended; the caller holds the lock.
func (s *Service) close(d *deployment, f failure) {
	d.info.Status, d.info.CompleteTime = f.status, aws.Time(s.clock.Now())
	if f.code != "" {
		d.info.ErrorInformation = &types.ErrorInformation{Code: f.code, Message: &f.words}
	}
}
