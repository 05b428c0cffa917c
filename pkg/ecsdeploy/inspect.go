package ecsdeploy

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// inspect looks at the service's events and, when tasks failed, at why.
func (f *follower) inspect(ctx context.Context, drop bool) {
	service, err := describeService(ctx, f.c, f.s)
	if err != nil {
		return // the next look will do
	}
	for _, message := range f.events(service) {
		f.progress.Warn(f.task(), message)
	}
	f.younger = f.overtaken(service)
	f.s.service.TaskSets = service.TaskSets // whose target groups are looked at
	drop = drop || replacementStarts(service)
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
		f.progress.Warn(f.task(), tasksFailed(count(f.causes))+": "+f.causes[0].Sentence)
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
	}
	words := strings.ToLower(f.last.RollbackReason + f.last.Reason)
	for _, known := range []struct{ word, who string }{
		{"circuit breaker", "the circuit breaker"}, {"hook", aHook}, {"because of invalid", "ECS"},
	} {
		if strings.Contains(words, known.word) {
			return known.who
		}
	}
	return somebodyElse
}

// Who rolled back, besides ECS, its circuit breaker and alarms, and this step.
const (
	somebodyElse = "somebody else"
	aHook        = "a lifecycle hook"
)
