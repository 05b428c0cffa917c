package deployecs_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/org/shipkit/internal/awstest/image"
	"github.com/org/shipkit/pkg/action/actiontest"
)

// Traffic shifts in every way without a failed request.
func TestShiftingStrategies(t *testing.T) {
	w := newWorld(t, 60)
	w.run(nil)
	for _, tt := range []struct {
		name string
		with map[string]string
		want string
	}{
		{"blue-green", map[string]string{"strategy": "blue-green", "bake-minutes": "1"}, "from rolling to blue-green, bake 1 min"},
		{"canary", map[string]string{"strategy": "canary", "canary-percent": "25", "canary-bake-minutes": "1", "bake-minutes": "0"}, "canary 25% for 1 min"},
		{"linear", map[string]string{"strategy": "linear", "step-percent": "50", "step-bake-minutes": "1", "bake-minutes": "0"}, "steps of 50% every 1 min"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.with["images"] = "web=" + w.push(tt.name, image.Web{})
			stop := w.traffic()
			got := w.step(t.Context(), tt.with)
			stop()
			outputs(t, got, 0, map[string]string{"deployment-status": "succeeded"})
			wants(t, got.Summary, tt.want)
			if w.version() != tt.name {
				t.Errorf("%s serves", w.version())
			}
		})
	}
}

// A pause ends one job; promoting, or going back, is another's.
func TestPauseThenPromoteOrGoBack(t *testing.T) {
	w := newWorld(t, 60)
	w.run(nil)
	pause := func(t *testing.T, tag string) {
		t.Helper()
		got := w.step(t.Context(), map[string]string{
			"strategy": "blue-green", "bake-minutes": "0", "pause-at": "post-test-traffic-shift", "images": "web=" + w.push(tag, image.Web{}),
		})
		outputs(t, got, 0, map[string]string{"deployment-status": "paused"})
		wants(t, got.Summary, "paused at post-test-traffic-shift", "mode: promote")
		wants(t, got.Outputs["image-digests"], "/web@sha256:")
		if got.Outputs["hook-id"] == "" || w.version() == tag {
			t.Errorf("hook %q, %s serves", got.Outputs["hook-id"], w.version())
		}
	}
	stop := w.traffic()
	defer stop()
	t.Run("promote", func(t *testing.T) {
		pause(t, "v2")
		got := w.step(t.Context(), map[string]string{"mode": "promote"})
		outputs(t, got, 0, map[string]string{
			"deployment-status": "succeeded", "hook-id": "", "changed": "true", "rolled-back": "false", "failure-reason": "",
		})
		repository := w.aws.Registry.Host() + "/web"
		for name, want := range map[string]string{
			"image-digests": "web=" + repository + "@sha256:", "task-definition-arn": ":task-definition/web:2", "duration": ".",
			"previous-task-definition-arn": ":task-definition/web:1", "service-deployment-arn": ":service-deployment/shop/web/",
		} {
			wants(t, got.Outputs[name], want)
		}
		if w.version() != "v2" {
			t.Errorf("%s serves", w.version())
		}
	})
	t.Run("nothing to promote", func(t *testing.T) {
		got := w.step(t.Context(), map[string]string{"mode": "promote"})
		outputs(t, got, 1, map[string]string{"deployment-status": "failed", "changed": "false", "failure-reason": "service web has no paused deployment to promote"})
		wants(t, got.Log, "no paused deployment to promote")
	})
	t.Run("go back", func(t *testing.T) {
		pause(t, "v3")
		got := w.step(t.Context(), map[string]string{"mode": "rollback"})
		outputs(t, got, 0, map[string]string{"deployment-status": "succeeded", "rolled-back": "true", "changed": "true"})
		wants(t, got.Outputs["image-digests"], "/web@sha256:")
		wants(t, got.Outputs["task-definition-arn"], ":task-definition/web:2")
		if w.version() != "v2" {
			t.Errorf("%s serves", w.version())
		}
	})
}

// Two deployments at once end with one winner and one that says so.
func TestTwoAtOnce(t *testing.T) {
	w := newWorld(t, 20)
	w.run(nil)
	stop := w.traffic()
	defer stop()
	first := make(chan actiontest.Result)
	slow := map[string]string{"images": "web=" + w.push("v2", image.Web{Env: map[string]string{"DELAY": "30s"}}), "fail-fast-after": "0"}
	fast := map[string]string{"images": "web=" + w.push("v3", image.Web{})}
	go func() { first <- w.step(t.Context(), slow) }()
	w.until("the first deployment is in progress", func() bool { return len(w.describe().Deployments) == 2 })
	winner := w.step(t.Context(), fast)
	loser := <-first
	outputs(t, winner, 0, map[string]string{"deployment-status": "succeeded"})
	outputs(t, loser, 1, map[string]string{"deployment-status": "superseded", "rolled-back": "false"})
	wants(t, loser.Summary, "web:2 was superseded by a newer deployment of web:3")
	if w.version() != "v3" {
		t.Errorf("%s serves", w.version())
	}
}

// The circuit breaker and a timeout end in a rollback that is seen to serve.
func TestRollbacks(t *testing.T) {
	w := newWorld(t, 20)
	w.run(func(in *ecs.CreateServiceInput) {
		in.DeploymentConfiguration.DeploymentCircuitBreaker = &types.DeploymentCircuitBreaker{Enable: true, Rollback: true}
	})
	stop := w.traffic()
	defer stop()
	t.Run("circuit breaker", func(t *testing.T) {
		got := w.step(t.Context(), map[string]string{"images": "web=" + w.push("bad", image.Web{Mode: "exit:3"}), "fail-fast-after": "0"})
		outputs(t, got, 1, map[string]string{"deployment-status": "rolled-back", "rolled-back": "true"})
		wants(t, got.Summary, "rolled back by the circuit breaker", "Container web exits with code 3", "web:1 serves again")
	})
	t.Run("timeout", func(t *testing.T) {
		got := w.step(t.Context(), map[string]string{
			"images": "web=" + w.push("slow", image.Web{Mode: "mute"}), "fail-fast-after": "0", "wait-for-minutes": "1",
		})
		if status := got.Outputs["deployment-status"]; status != "rolled-back" && status != "timed-out" {
			t.Errorf("status %s", status)
		}
		outputs(t, got, 1, map[string]string{"rolled-back": "true"})
	})
	if w.version() != "v1" {
		t.Errorf("%s serves", w.version())
	}
}

// A migration runs first, and its failure keeps the service as it is.
func TestMigration(t *testing.T) {
	w := newWorld(t, 20)
	w.run(nil)
	ref := w.push("v2", image.Web{})
	run := func(mode string) actiontest.Result {
		return w.step(t.Context(), map[string]string{
			"images": "web=" + ref, "run-task": "true",
			"run-task-container-overrides": `[{"name":"web","environment":[{"name":"MODE","value":"` + mode + `"}]}]`,
		})
	}
	got := run("exit:4")
	outputs(t, got, 1, map[string]string{"deployment-status": "failed"})
	wants(t, got.Log, "failed before the rollout: container web exits with code 4; no service was changed%0AAWS says: ")
	if definition := aws.ToString(w.describe().TaskDefinition); !strings.HasSuffix(definition, "web:1") {
		t.Errorf("the service runs %s", definition)
	}
	got = run("job")
	outputs(t, got, 0, map[string]string{"deployment-status": "succeeded"})
	wants(t, got.Log, "run-task web: job", "succeeded")
	wants(t, got.Outputs["run-task-arn"], `["arn:aws:ecs:eu-west-1:`)
}

// All problems are found at once, before anything is registered.
func TestPreflightOnRealAnswers(t *testing.T) {
	w := newWorld(t, 20)
	w.run(func(in *ecs.CreateServiceInput) {
		in.DeploymentConfiguration.Alarms = &types.DeploymentAlarms{AlarmNames: []string{"errors"}, Enable: true, Rollback: true}
	})
	alarms := cloudwatch.NewFromConfig(w.aws.Config())
	must(alarms.PutMetricAlarm(t.Context(), &cloudwatch.PutMetricAlarmInput{
		AlarmName: aws.String("errors"), EvaluationPeriods: aws.Int32(1), ComparisonOperator: cwtypes.ComparisonOperatorGreaterThanThreshold,
	}))(t)
	must(alarms.SetAlarmState(t.Context(), &cloudwatch.SetAlarmStateInput{
		AlarmName: aws.String("errors"), StateValue: cwtypes.StateValueAlarm, StateReason: aws.String("a test"),
	}))(t)
	role := must(iam.NewFromConfig(w.aws.Config()).CreateRole(t.Context(), &iam.CreateRoleInput{
		RoleName: aws.String("web-task"), AssumeRolePolicyDocument: aws.String("{}"),
	}))(t).Role.Arn
	got := w.step(t.Context(), map[string]string{
		"images":  "web=" + w.push("other", image.Web{Platform: "linux/" + otherArch()}),
		"secrets": "KEY=/nowhere\nTOKEN=arn:aws:secretsmanager:eu-west-1:111122223333:secret:none-AbCdEf", "task-role-arn": *role,
		"execution-role-arn": "arn:aws:iam::111122223333:role/nobody", "log-configuration-options": "awslogs-group=/nothing",
		"min-capacity": "3", "max-capacity": "2",
	})
	outputs(t, got, 1, map[string]string{"deployment-status": "failed", "changed": "false"})
	wants(t, got.Log, "is for linux/"+otherArch(), "SSM parameter /nowhere", "secret:none-AbCdEf, which does not exist", "role/nobody does not exist",
		`log group "/nothing" does not exist`, "min-capacity 3 is above max-capacity 2", `alarm "errors" is in ALARM already`)
	wants(t, got.Outputs["failure-reason"], " ")
	w.unchanged()
}
