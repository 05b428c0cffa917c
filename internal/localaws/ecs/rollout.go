package ecs

import (
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// rollout is a service deployment: the way from what a service runs to one service revision, or back.
type rollout struct {
	arn     string
	service *service
	config  types.DeploymentConfiguration // as it was when the deployment began
	target  *deployment
	source  []*deployment // what ran before, the one to roll back to first

	status   types.ServiceDeploymentStatus
	reason   string
	created  time.Time
	started  time.Time
	updated  time.Time
	finished time.Time
	stopped  time.Time
	settled  time.Time // since when everything runs as it shall; zero: not yet

	stage   types.ServiceDeploymentLifecycleStage // of blue-green, canary and linear
	since   time.Time                             // when the stage began
	hooks   []*hook
	breaker breaker
	alarms  alarms
	back    *types.Rollback
}

// begin starts a service deployment to a new service revision, superseding the one in progress.
func (s *Service) begin(svc *service, rev *serviceRevision) {
	now := s.Clock.Now()
	if old := svc.rollout; old != nil {
		s.finish(old, types.ServiceDeploymentStatusStopped,
			"The service deployment was stopped because a new service deployment was started.")
	}
	d := &deployment{
		id: "ecs-svc/" + newNumber(), service: svc, rev: rev, status: "PRIMARY", desired: svc.settings.desired,
		created: now, updated: now,
	}
	d.say(now, types.DeploymentRolloutStateInProgress, "in progress")
	for _, other := range svc.live {
		other.status = "ACTIVE"
	}
	r := &rollout{
		arn:     arnOf(svc.cluster.caller, "service-deployment/%s/%s/%s", svc.cluster.name, svc.name, newName()),
		service: svc, target: d, source: byTraffic(svc.live), status: types.ServiceDeploymentStatusPending,
		created: now, updated: now,
	}
	if c := svc.settings.config; c != nil {
		r.config = *c
	}
	s.watchAlarms(r)
	svc.live = append([]*deployment{d}, svc.live...)
	svc.rollout, svc.steady, svc.starting, svc.next = r, false, 0, time.Time{}
	svc.history = append([]*rollout{r}, svc.history...)
	svc.poke()
}

// byTraffic puts the deployment that serves first: the completed one, or the one with most production traffic.
func byTraffic(live []*deployment) []*deployment {
	sorted := slices.Clone(live)
	slices.SortStableFunc(sorted, func(a, b *deployment) int {
		if a.weight != b.weight {
			return int(b.weight - a.weight)
		}
		return rank(a) - rank(b)
	})
	return sorted
}

func rank(d *deployment) int {
	if d.rollout == types.DeploymentRolloutStateCompleted {
		return 0
	}
	return 1
}

// advance takes the next step of a service deployment.
func (s *Service) advance(r *rollout) {
	switch r.status {
	case types.ServiceDeploymentStatusPending:
		r.started = s.Clock.Now()
		s.set(r, types.ServiceDeploymentStatusInProgress, "")
	case types.ServiceDeploymentStatusStopRequested:
		s.finish(r, types.ServiceDeploymentStatusStopped, r.reason)
	case types.ServiceDeploymentStatusRollbackRequested:
		s.rollBack(r)
	case types.ServiceDeploymentStatusRollbackInProgress:
		s.unwind(r)
	case types.ServiceDeploymentStatusInProgress:
		if reason := s.verdict(r); reason != "" && r.stage != stageCleanUp {
			s.fail(r, reason)
			return
		}
		if r.shifts() {
			s.shift(r)
		} else {
			s.roll(r)
		}
	}
}

// roll takes the next step of a rolling update, and of the bake after it.
func (s *Service) roll(r *rollout) {
	if !s.replace(r.service, r.target) {
		r.settled = time.Time{}
		return
	}
	if r.settled.IsZero() {
		r.settled = s.Clock.Now()
	}
	if s.Clock.Now().Sub(r.settled) >= minutes(r.config.BakeTimeInMinutes) {
		s.succeed(r)
	}
}

func minutes(n *int32) time.Duration { return time.Duration(aws.ToInt32(n)) * time.Minute }

// verdict is why the deployment has failed, or empty.
func (s *Service) verdict(r *rollout) string {
	if r.breaker.trips(r) {
		return "the circuit breaker threshold was exceeded"
	}
	if len(s.triggered(r)) > 0 {
		return "alarm(s) detected"
	}
	return ""
}

// succeed ends a service deployment well.
func (s *Service) succeed(r *rollout) {
	now := s.Clock.Now()
	for _, d := range r.service.live {
		d.weight, d.test = 0, 0
	}
	r.target.weight = 100
	r.target.say(now, types.DeploymentRolloutStateCompleted, "completed")
	r.service.event(now, "(deployment %s) deployment completed.", r.target.id)
	s.finish(r, types.ServiceDeploymentStatusSuccessful, "")
}

// fail ends the way forward: with a rollback if one is configured for what has gone wrong, else the deployment stays FAILED.
func (s *Service) fail(r *rollout, why string) {
	now := s.Clock.Now()
	words, back := "tasks failed to start.", r.breaker.rollback(r)
	if len(r.alarms.triggered) > 0 {
		words, back = "alarm detected.", r.config.Alarms.Rollback
	}
	r.target.rollout, r.target.updated = types.DeploymentRolloutStateFailed, now
	r.target.reason = "ECS deployment circuit breaker: " + words
	if len(r.alarms.triggered) > 0 {
		r.target.reason = "ECS deployment failed: " + words
	}
	r.service.event(now, "(deployment %s) deployment failed: %s", r.target.id, words)
	if !back {
		s.finish(r, types.ServiceDeploymentStatusStopped, "Service deployment stopped because "+why+".")
		return
	}
	r.back = &types.Rollback{Reason: aws.String("Service deployment rolled back because " + why + "."), StartedAt: aws.Time(now)}
	s.set(r, types.ServiceDeploymentStatusRollbackRequested, *r.back.Reason)
}

// rollBack begins the way back to what ran before.
func (s *Service) rollBack(r *rollout) {
	now := s.Clock.Now()
	if r.back == nil {
		r.back = &types.Rollback{Reason: aws.String(r.reason), StartedAt: aws.Time(now)}
	}
	i := slices.IndexFunc(r.source, func(d *deployment) bool { return d.rollout == types.DeploymentRolloutStateCompleted })
	if i < 0 {
		s.abandon(r)
		s.finish(r, types.ServiceDeploymentStatusRollbackFailed, "No rollback candidate was found to run the rollback.")
		return
	}
	before := r.source[i]
	if r.target.rollout != types.DeploymentRolloutStateFailed {
		r.target.say(now, types.DeploymentRolloutStateFailed, "rolled back")
	}
	r.target.status = "ACTIVE"
	before.status, before.updated, before.failed = "PRIMARY", now, 0
	before.say(now, types.DeploymentRolloutStateInProgress, "in progress: rolling back")
	r.service.settings = before.rev.settings.keepScale(r.service.settings)
	if r.service.external() {
		r.service.settings.config = before.rev.settings.config // that of a shift is the shift's own
	}
	r.service.live = append([]*deployment{before}, slices.DeleteFunc(slices.Clone(r.service.live),
		func(d *deployment) bool { return d == before })...)
	r.back.ServiceRevisionArn = aws.String(before.rev.arn)
	r.service.steady, r.service.starting, r.service.next = false, 0, time.Time{}
	r.service.event(now, "rolling back to deployment %s.", before.id)
	s.set(r, types.ServiceDeploymentStatusRollbackInProgress, *r.back.Reason)
}

// keepScale is what the service was before, at the size that it has now.
func (before settings) keepScale(now settings) settings {
	before.desired, before.config = now.desired, now.config
	return before
}

// abandon stops the tasks of a first deployment that failed.
func (s *Service) abandon(r *rollout) {
	for _, t := range r.target.tasks() {
		if t.live() {
			s.scaleAway(t)
		}
	}
	r.target.desired = 0
	if r.target.rollout != types.DeploymentRolloutStateFailed {
		r.target.say(s.Clock.Now(), types.DeploymentRolloutStateFailed, "stopped")
	}
}

// unwind takes the next step of a rollback.
func (s *Service) unwind(r *rollout) {
	before := r.service.live[0]
	if r.shifts() {
		s.sendTraffic(r, before, 100)
		s.sendTest(before)
		r.target.test = 0
	}
	if !s.replace(r.service, before) {
		return
	}
	now := s.Clock.Now()
	before.say(now, types.DeploymentRolloutStateCompleted, "completed")
	r.service.event(now, "(deployment %s) deployment completed.", before.id)
	s.finish(r, types.ServiceDeploymentStatusRollbackSuccessful, *r.back.Reason)
}

// say sets the rollout state in AWS's words.
func (d *deployment) say(now time.Time, state types.DeploymentRolloutState, words string) {
	d.rollout, d.updated, d.reason = state, now, "ECS deployment "+d.id+" "+words+"."
}

func (s *Service) set(r *rollout, status types.ServiceDeploymentStatus, reason string) {
	r.status, r.reason, r.updated = status, reason, s.Clock.Now()
	r.service.poke()
}

// finish ends a service deployment.
func (s *Service) finish(r *rollout, status types.ServiceDeploymentStatus, reason string) {
	s.set(r, status, reason)
	r.finished = r.updated
	if status == types.ServiceDeploymentStatusStopped {
		r.stopped = r.updated
	}
	for _, h := range r.hooks {
		h.close()
	}
	r.service.rollout = nil
}
