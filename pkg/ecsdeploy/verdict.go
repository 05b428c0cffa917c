package ecsdeploy

import (
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/org/shipkit/pkg/diag"
)

// Outcome is how a deployment ended for one service.
type Outcome string

// The outcomes.
const (
	Succeeded  Outcome = "succeeded"
	RolledBack Outcome = "rolled-back" // the old revision serves again, by ECS or somebody else
	Failed     Outcome = "failed"
	Superseded Outcome = "superseded" // a newer deployment took over
	Paused     Outcome = "paused"     // waits for a promotion
	TimedOut   Outcome = "timed-out"
	Cancelled  Outcome = "cancelled"
	Started    Outcome = "started"   // not waited for
	Unchanged  Outcome = "unchanged" // nothing to deploy
)

// OK tells whether a step with this outcome passes.
func (o Outcome) OK() bool {
	return o == Succeeded || o == Paused || o == Started || o == Unchanged
}

// Verdict is how the deployment of one service ended.
type Verdict struct {
	Service, Cluster string
	Outcome          Outcome
	// Reason is one plain sentence, "" if there is nothing to say.
	Reason string
	// By is who rolled back or stopped the deployment.
	By string
	// Deployment is the ARN of the service deployment, or the ID of CodeDeploy's.
	Deployment string
	// TaskDefinition is what was deployed, Before what ran until then, Serving
	// what serves at the end ("" if it could not be seen).
	TaskDefinition, Before, Serving string
	// RolledBack is true when Before was seen to serve again.
	RolledBack bool
	// RollbackRequested is true when ECS was asked to roll back and the end was
	// not seen.
	RollbackRequested bool
	// Hook is the pause that waits for a promotion.
	Hook Hook
	// SupersededBy is the ARN of the newer deployment, SupersededTo what it
	// brings ("" if it could not be seen).
	SupersededBy, SupersededTo string
	// Images are what ECS runs, as repository@digest by container; empty if that
	// could not be seen.
	Images  map[string]string
	Dossier Dossier
	Took    time.Duration
	// Empty is true for a service that shall run no task: nothing serves.
	Empty bool
}

// Hook is a pause of a deployment.
type Hook struct {
	ID, Stage string
	Expires   time.Time
}

// Snapshot is one look at a service deployment.
type Snapshot struct {
	Status types.ServiceDeploymentStatus
	// Reason is ECS's own sentence on the status.
	Reason   string
	Stage    types.ServiceDeploymentLifecycleStage
	New, Old Side
	// Failures counts failed tasks; Threshold is where ECS gives up, 0 if it
	// does not.
	Failures, Threshold int
	// Alarms are the alarms that triggered.
	Alarms []string
	// RollbackReason is ECS's sentence on why it rolls back.
	RollbackReason string
	Hook           Hook
}

// Side is one revision during a deployment.
type Side struct {
	Running, Pending, Requested int
	// Traffic is the share of production traffic in percent, -1 if unknown.
	Traffic float64
}

// judge returns the outcome that a snapshot proves, "" while it is open. Only
// SUCCESSFUL passes. STOPPED is not judged here: it needs a look at what came
// after.
func judge(s Snapshot, until Until) Outcome {
	switch s.Status {
	case types.ServiceDeploymentStatusSuccessful:
		return Succeeded
	case types.ServiceDeploymentStatusRollbackSuccessful:
		return RolledBack
	case types.ServiceDeploymentStatusRollbackFailed:
		return Failed
	case types.ServiceDeploymentStatusInProgress:
		if s.Hook.ID != "" {
			return Paused
		}
		shifted := s.Stage == types.ServiceDeploymentLifecycleStageBakeTime || s.Stage == types.ServiceDeploymentLifecycleStageCleanUp
		if until == UntilTraffic && shifted {
			return Succeeded
		}
	}
	return ""
}

// goingBack tells whether ECS is rolling back.
func goingBack(status types.ServiceDeploymentStatus) bool {
	return status == types.ServiceDeploymentStatusRollbackRequested || status == types.ServiceDeploymentStatusRollbackInProgress
}

// Diagnostic is the verdict as a finding: nil if the step passes.
func (v Verdict) Diagnostic() *diag.Diagnostic {
	if v.Outcome.OK() {
		return nil
	}
	d := &diag.Diagnostic{Summary: fmt.Sprintf("service %s: %s", v.Service, v.Headline()), Try: v.try()}
	if len(v.Dossier.Causes) > 0 {
		cause := v.Dossier.Causes[0]
		d.Detail = cause.Detail()
	}
	return d
}

// Headline is the verdict in one sentence. What serves comes first if that is
// the old revision again: it is what a reader fears for.
func (v Verdict) Headline() string {
	what := shortARN(v.TaskDefinition)
	switch v.Outcome {
	case Succeeded:
		if v.Empty {
			return what + " is deployed to no task: the desired count is 0"
		}
		return what + " serves"
	case Unchanged:
		return what + " runs already"
	case Started:
		return what + " is being deployed; nobody waits for the end"
	case Paused:
		return what + " is paused at " + Stage(v.Hook.Stage) + ", waiting for a promotion"
	case Superseded:
		what += " was superseded by a newer deployment"
		if v.SupersededTo != "" {
			what += " of " + shortARN(v.SupersededTo)
		}
		return what + " (" + shortARN(v.SupersededBy) + ")"
	case RolledBack:
		what += " was rolled back by " + v.By
	case TimedOut:
		what += " was not complete in time"
	case Cancelled:
		what += " was cancelled"
	default:
		what += " failed"
	}
	if v.Reason != "" {
		what += ": " + strings.TrimSuffix(v.Reason, ".")
	}
	switch {
	case v.RolledBack:
		return shortARN(v.Before) + " serves again; " + what
	case v.RollbackRequested:
		return what + "; ECS was asked to roll back to " + shortARN(v.Before)
	}
	return what
}

// Stage is a lifecycle stage as the input pause-at spells it.
func Stage(stage string) string { return strings.ToLower(strings.ReplaceAll(stage, "_", "-")) }

func (v Verdict) try() string {
	if len(v.Dossier.Causes) > 0 {
		return v.Dossier.Causes[0].Try
	}
	switch v.Outcome {
	case Superseded:
		return "look at the newer deployment; a concurrency group in the workflow queues deployments"
	case TimedOut:
		return "raise wait-for-minutes if the service only starts slowly"
	case Cancelled:
		return "run again when ready"
	case RolledBack:
		return v.tryAfterRollback()
	default:
		return "look at the events of the service in the summary"
	}
}

func (v Verdict) tryAfterRollback() string {
	switch v.By {
	case somebodyElse:
		return "ask who stopped it: CloudTrail has the call of ecs:StopServiceDeployment or ecs:UpdateService"
	case aHook:
		return "look at the log of the hook's Lambda function"
	default:
		return "correct what ECS names; the events of the service are in the summary"
	}
}

// worst orders outcomes from the one that matters most to a reader.
var worst = []Outcome{Failed, TimedOut, RolledBack, Cancelled, Superseded, Paused, Started, Succeeded, Unchanged}

// Outcome is that of the service that fared worst, "" without services.
func (r *Result) Outcome() Outcome {
	for _, outcome := range worst {
		for _, v := range r.Services {
			if v.Outcome == outcome {
				return outcome
			}
		}
	}
	return ""
}

func firstNonEmpty(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}
