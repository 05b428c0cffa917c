package ecsdeploy

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/org/shipkit/pkg/ecsdeploy/taskdef"
	"github.com/org/shipkit/pkg/progress"
)

// rollbackTime is how long a rollback may take before we stop looking.
const rollbackTime = 15 * time.Minute

// lookTime is how long one look may take, retries included.
const lookTime = 20 * time.Second

// eventsEvery is how many looks pass between two looks at the whole service,
// for its events and for failures that the circuit breaker does not count.
const eventsEvery = 6

// follower follows the deployment of one service to its verdict.
type follower struct {
	c          *Clients
	s          *ServicePlan
	target     *taskdef.Document
	images     map[string]Image
	definition string // ARN of what is deployed
	wait       Wait
	progress   progress.Func

	watcher      watcher
	deploymentID string    // of types.Deployment, in the tasks' StartedBy
	since        time.Time // the deployment's creation, on ECS's clock
	answered     string    // a hook that has been answered already

	began    time.Time
	deadline time.Time
	last     Snapshot
	looks    int
	failed   int // failures seen so far
	causes   []Cause
	targets  []TargetHealth
	trouble  []string
	seen     map[string]bool
	gaveUp   *Verdict // set when we asked for the rollback
	bake     time.Duration
	baking   time.Time // when the bake time was first seen
}

func newFollower(c *Clients, s *ServicePlan, wait Wait, send progress.Func) *follower {
	now := time.Now()
	return &follower{
		c: c, s: s, wait: wait, progress: send, began: now, deadline: now.Add(wait.Timeout), seen: map[string]bool{},
		last: Snapshot{New: Side{Traffic: -1}, Old: Side{Traffic: -1}},
	}
}

func (f *follower) task() string { return "rollout " + f.s.Name }

// follow looks until there is a verdict. It always returns one.
func (f *follower) follow(ctx context.Context) Verdict {
	if err := f.find(ctx); err != nil {
		return f.lost(ctx, err)
	}
	trouble := 0
	for {
		snapshot, err := f.look(ctx)
		switch {
		case ctx.Err() != nil:
			return f.cancelled(ctx)
		case denied(err) && f.watcher.arn() != "" && f.deploymentID != "":
			f.withoutDeployments("ecs:DescribeServiceDeployments", err)
		case err != nil && permanent(err):
			return f.lost(ctx, err)
		case err != nil:
			if trouble++; trouble%3 == 0 {
				f.progress.Warn(f.task(), fmt.Sprintf("cannot reach ECS (%d times): %v; the rollout goes on, still trying", trouble, err))
			}
		default:
			trouble = 0
			if verdict, done := f.step(ctx, snapshot); done {
				return verdict
			}
		}
		if verdict, done := f.overdue(ctx); done {
			return verdict
		}
		f.pause(ctx)
	}
}

// look looks once, and not for ever: on a bad link another try is better than
// a long one.
func (f *follower) look(ctx context.Context) (Snapshot, error) {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	return f.watcher.look(ctx)
}

// step takes one snapshot in and returns the verdict if there is one.
func (f *follower) step(ctx context.Context, s Snapshot) (Verdict, bool) {
	if s.Hook.ID != "" && s.Hook.ID == f.answered {
		s.Hook = Hook{} // ECS has not noticed the answer yet
	}
	if goingBack(s.Status) && !goingBack(f.last.Status) {
		f.deadline = time.Now().Add(rollbackTime)
	}
	f.report(s)
	drop := s.New.Running < f.last.New.Running || s.Failures > f.last.Failures || s.New.Pending < f.last.New.Pending && s.New.Running <= f.last.New.Running
	f.last = s
	if s.Status == types.ServiceDeploymentStatusStopped {
		return f.stopped(ctx), true
	}
	if f.gaveUp != nil && judge(s, UntilCompleted) == Paused {
		return Verdict{}, false
	}
	if outcome := judge(s, f.wait.Until); outcome != "" {
		return f.end(ctx, outcome), true
	}
	if f.looks++; drop || f.looks%eventsEvery == 0 {
		f.inspect(ctx, drop)
	}
	if repeated, ok := f.repeated(); ok && f.gaveUp == nil && !goingBack(s.Status) {
		return f.giveUp(ctx, Failed, fmt.Sprintf("%d tasks failed alike: %s", repeated.Count, repeated.Sentence))
	}
	return Verdict{}, false
}

// inspect looks at the service's events and, when tasks failed, at why.
func (f *follower) inspect(ctx context.Context, drop bool) {
	service, err := describeService(ctx, f.c, f.s)
	if err != nil {
		return // the next look will do
	}
	for _, message := range f.events(service) {
		f.progress.Warn(f.task(), message)
	}
	failed := 0
	for _, d := range service.Deployments {
		if aws.ToString(d.Id) == f.deploymentID {
			failed = int(d.FailedTasks)
		}
	}
	failed = max(failed, f.last.Failures)
	if failed <= f.failed && !drop {
		return
	}
	f.failed = max(failed, f.failed)
	before := count(f.causes)
	if causes, err := failures(ctx, f.c, f.s, f.deploymentID, f.definition); err == nil {
		f.causes = causes
	}
	if count(f.causes) > before {
		f.progress.Warn(f.task(), fmt.Sprintf("%d tasks failed: %s", count(f.causes), f.causes[0].Sentence))
	}
	if targets, err := f.targetHealth(ctx); err == nil {
		f.targets = mergeTargets(f.targets, targets)
	}
}

func count(causes []Cause) (n int) {
	for _, c := range causes {
		n += c.Count
	}
	return n
}

// repeated returns a cause that has come so often that waiting is pointless.
func (f *follower) repeated() (Cause, bool) {
	for _, c := range f.causes {
		if f.wait.FailFastAfter > 0 && c.Count >= f.wait.FailFastAfter && c.repeats() {
			return c, true
		}
	}
	return Cause{}, false
}

// overdue ends the wait at the deadline.
func (f *follower) overdue(ctx context.Context) (Verdict, bool) {
	if time.Now().Before(f.deadline) {
		return Verdict{}, false
	}
	if f.gaveUp != nil || goingBack(f.last.Status) {
		v := f.verdict(Failed)
		v.Reason, v.RollbackRequested = "the rollback did not end within "+rollbackTime.String(), true
		v.Dossier = f.dossier(ctx)
		return v, true
	}
	reason := fmt.Sprintf("%d of %d new tasks run after %s", f.last.New.Running, f.last.New.Requested, f.wait.Timeout)
	return f.giveUp(ctx, TimedOut, reason)
}

// end is the verdict of a deployment that ECS has ended.
func (f *follower) end(ctx context.Context, outcome Outcome) Verdict {
	v := f.verdict(outcome)
	switch outcome {
	case Succeeded:
		v.Images, v.Serving = f.running(ctx), f.definition
		f.compare(v.Images)
		f.progress.Milestone(f.task(), shortARN(f.definition)+" serves")
		return v
	case Paused:
		v.Hook, v.Images = f.last.Hook, f.running(ctx)
		f.progress.Milestone(f.task(), "paused at "+v.Hook.Stage)
		return v
	}
	v.By, v.Reason = f.whoRolledBack(), firstNonEmpty(f.last.RollbackReason, f.last.Reason)
	if f.gaveUp != nil {
		v.Outcome, v.By, v.Reason, v.Dossier = f.gaveUp.Outcome, f.gaveUp.By, f.gaveUp.Reason, f.gaveUp.Dossier
	}
	if v.Dossier.Empty() {
		v.Dossier = f.dossier(ctx)
	}
	if outcome == RolledBack {
		v.Serving = f.verify(ctx)
		v.RolledBack = v.Serving == f.s.Before
	}
	return v
}

// whoRolledBack names what started the rollback, from ECS's data rather than
// its prose where it can.
func (f *follower) whoRolledBack() string {
	switch {
	case f.gaveUp != nil:
		return "this step"
	case len(f.last.Alarms) > 0:
		return "alarm " + strings.Join(f.last.Alarms, ", ")
	case f.last.Threshold > 0 && f.last.Failures >= f.last.Threshold:
		return "the circuit breaker"
	case strings.Contains(strings.ToLower(f.last.RollbackReason+f.last.Reason), "circuit breaker"):
		return "the circuit breaker"
	case strings.Contains(strings.ToLower(f.last.RollbackReason+f.last.Reason), "hook"):
		return "a lifecycle hook"
	default:
		return "somebody else"
	}
}

func (f *follower) verdict(outcome Outcome) Verdict {
	v := Verdict{
		Service: f.s.Name, Cluster: shortARN(f.s.Cluster), Outcome: outcome,
		TaskDefinition: f.definition, Before: f.s.Before, Took: time.Since(f.began),
	}
	if f.watcher != nil {
		v.Deployment = f.watcher.arn()
	}
	return v
}

// pause waits one interval, with some jitter so that many runs do not poll in
// step.
func (f *follower) pause(ctx context.Context) {
	interval := f.wait.poll()
	interval += time.Duration((rand.Float64() - 0.5) * 0.2 * float64(interval)) //nolint:gosec // jitter, not a secret
	wait(ctx, interval)
}

func wait(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// find waits until ECS lists our service deployment. A caller who may not list
// them follows the service itself.
func (f *follower) find(ctx context.Context) error {
	if f.watcher != nil {
		return nil
	}
	// ECS does not list it at once, and runs that start together must not ask
	// together.
	wait(ctx, min(time.Second+rand.N(time.Second), f.wait.poll())) //nolint:gosec // jitter, not a secret
	for {
		arn, err := findDeployment(ctx, f.c, f.s, f.definition, f.since)
		switch {
		case err == nil:
			f.watcher = &deploymentWatcher{c: f.c, deployment: arn}
			return nil
		case denied(err):
			f.withoutDeployments("ecs:ListServiceDeployments", err)
			return nil
		case ctx.Err() != nil:
			return ctx.Err() //nolint:wrapcheck // recognised by the caller
		case !errors.Is(err, errNotListed) && permanent(err):
			return err
		case time.Now().After(f.deadline):
			return fmt.Errorf("find the deployment of service %s: %w", f.s.Name, err)
		}
		f.pause(ctx)
	}
}

// withoutDeployments follows the service itself, for a caller who may not read
// its deployments.
func (f *follower) withoutDeployments(action string, err error) {
	f.progress.Warn(f.task(), unchecked("the service deployment", action, f.s.ARN, err).Error())
	f.watcher = &serviceWatcher{c: f.c, s: f.s, id: f.deploymentID}
}
