package ecs

import (
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// pauseTimeout is how long a PAUSE hook waits unless it says otherwise; then the deployment is rolled back.
const pauseTimeout = 24 * time.Hour

// hook is one stop at a PAUSE hook.
type hook struct {
	id      string
	stage   types.ServiceDeploymentLifecycleStage
	status  types.DeploymentLifecycleHookStatus
	expires time.Time
	timeout types.DeploymentLifecycleHookAction
}

// close ends a hook that still waits when its deployment ends.
func (h *hook) close() {
	if h.status == types.DeploymentLifecycleHookStatusAwaitingAction {
		h.status = types.DeploymentLifecycleHookStatusFailed
	}
}

// openHooks pauses the deployment at every PAUSE hook of the stage that it enters.
func (s *Service) openHooks(r *rollout) {
	for _, h := range r.config.LifecycleHooks {
		if !slices.Contains(h.LifecycleStages, types.DeploymentLifecycleHookStage(r.stage)) {
			continue
		}
		open := &hook{
			id: newUUID(), stage: r.stage, status: types.DeploymentLifecycleHookStatusAwaitingAction,
			timeout: types.DeploymentLifecycleHookActionRollback, expires: s.Clock.Now().Add(pauseTimeout),
		}
		if c := h.TimeoutConfiguration; c != nil {
			if c.Action != "" {
				open.timeout = c.Action
			}
			if c.TimeoutInMinutes != nil {
				open.expires = s.Clock.Now().Add(minutes(c.TimeoutInMinutes))
			}
		}
		r.hooks = append(r.hooks, open)
	}
}

// paused reports whether a hook holds the deployment. A hook whose time is over takes its action.
func (s *Service) paused(r *rollout) bool {
	for _, h := range r.hooks {
		if h.status != types.DeploymentLifecycleHookStatusAwaitingAction {
			continue
		}
		if s.Clock.Now().Before(h.expires) {
			return true
		}
		h.status = types.DeploymentLifecycleHookStatusTimedOut
		if h.timeout == types.DeploymentLifecycleHookActionRollback {
			s.requestRollback(r, "Service deployment rolled back because "+string(h.stage)+" lifecycle hook(s) timed out.")
			return true
		}
	}
	return false
}

// describeHooks lists the hooks of the current stage.
func (r *rollout) describeHooks() []types.DeploymentLifecycleHookDetail {
	list := []types.DeploymentLifecycleHookDetail{}
	for _, h := range r.hooks {
		if h.stage != r.stage {
			continue
		}
		list = append(list, types.DeploymentLifecycleHookDetail{
			HookId: aws.String(h.id), Status: h.status, ExpiresAt: at(h.expires), TimeoutAction: h.timeout,
			TargetType: types.DeploymentLifecycleHookTargetTypePause,
		})
	}
	return list
}

// requestRollback asks for the way back.
func (s *Service) requestRollback(r *rollout, reason string) {
	r.back = &types.Rollback{Reason: aws.String(reason), StartedAt: aws.Time(s.Clock.Now())}
	s.set(r, types.ServiceDeploymentStatusRollbackRequested, reason)
}
