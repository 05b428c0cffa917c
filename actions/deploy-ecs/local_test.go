package deployecs_test

import (
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"github.com/org/shipkit/internal/awstest/image"
	"github.com/org/shipkit/pkg/action/actiontest"
)

func wants(t *testing.T, text string, all ...string) {
	t.Helper()
	for _, want := range all {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in:\n%s", want, text)
		}
	}
}

func outputs(t *testing.T, got actiontest.Result, exit int, want map[string]string) {
	t.Helper()
	if got.ExitCode != exit {
		t.Errorf("exit code %d, want %d", got.ExitCode, exit)
	}
	for name, value := range want {
		if got.Outputs[name] != value {
			t.Errorf("output %s is %q, want %q", name, got.Outputs[name], value)
		}
	}
	if t.Failed() {
		t.Log(got.Log)
	}
}

func TestRollingDeployment(t *testing.T) {
	w := newWorld(t, 20)
	w.run(nil)
	with := map[string]string{"images": "web=" + w.push("v2", image.Web{})}
	stop := w.traffic()
	got := w.step(t.Context(), with)
	stop()
	outputs(t, got, 0, map[string]string{"deployment-status": "succeeded", "rolled-back": "false", "changed": "true"})
	if w.version() != "v2" {
		t.Errorf("%s serves", w.version())
	}
	wants(t, got.Summary, "web:2 serves", "| web | succeeded | `web:1` | `web:2` | `web:2` |")
	t.Run("again changes nothing", func(t *testing.T) {
		got := w.step(t.Context(), with)
		outputs(t, got, 0, map[string]string{"deployment-status": "unchanged", "changed": "false"})
	})
	t.Run("a plan changes nothing", func(t *testing.T) {
		got := w.step(t.Context(), map[string]string{"mode": "plan", "environment-variables": "A=b"})
		outputs(t, got, 0, map[string]string{"deployment-status": "planned", "changed": "true"})
		wants(t, got.Summary, "web variable A", "added")
		if definition := aws.ToString(w.describe().TaskDefinition); !strings.HasSuffix(definition, "web:2") {
			t.Errorf("the service runs %s", definition)
		}
	})
	t.Run("rollback by hand", func(t *testing.T) {
		stop := w.traffic()
		got := w.step(t.Context(), map[string]string{"mode": "rollback"})
		stop()
		outputs(t, got, 0, map[string]string{"deployment-status": "succeeded"})
		if w.version() != "v1" {
			t.Errorf("%s serves", w.version())
		}
	})
	t.Run("status", func(t *testing.T) {
		got := w.step(t.Context(), map[string]string{"mode": "status"})
		outputs(t, got, 0, map[string]string{"deployment-status": "successful", "changed": "false"})
		wants(t, got.Outputs["image-digests"], "/web@sha256:")
		wants(t, got.Outputs["service-deployment-arn"], ":service-deployment/shop/web/")
		wants(t, got.Summary, "| web | `web:1` | 2 of 2 | successful |", "Deployments of web")
	})
}

// Every way in which a new revision can fail ends with its cause in the
// summary and v1 serving, while requests go on without a failure. There is no
// circuit breaker.
func TestFailures(t *testing.T) {
	w := newWorld(t, 60)
	w.run(nil)
	check := func(c *types.ContainerDefinition) {
		c.HealthCheck = &types.HealthCheck{Command: []string{"CMD", "/no-such-program"}, Interval: aws.Int32(5), Timeout: aws.Int32(2), Retries: aws.Int32(2)}
	}
	secret := func(c *types.ContainerDefinition) {
		c.Secrets = []types.Secret{{Name: aws.String("KEY"), ValueFrom: aws.String("arn:aws:ssm:us-east-1:111122223333:parameter/nowhere")}}
	}
	for _, tt := range []struct {
		name   string
		web    image.Web
		change func(*types.ContainerDefinition)
		ref    string // instead of an image
		want   []string
	}{
		{"exits", image.Web{Mode: "exit:1"}, nil, "", []string{"Container web exits with code 1", "exit 1\n"}},
		{"out of memory", image.Web{Mode: "oom"}, nil, "", []string{"exit code 137", "raise memory", "mode oom"}},
		{"never listens", image.Web{Mode: "mute"}, nil, "", []string{"no healthy answer from container web", "mode mute"}},
		{"wrong port", image.Web{Mode: "wrong-port"}, nil, "", []string{"no healthy answer from container web", "listen on 0.0.0.0", "mode wrong-port"}},
		{"failing load balancer check", image.Web{Mode: "unhealthy"}, nil, "", []string{"no healthy answer from container web", "500"}},
		{"failing container check", image.Web{}, check, "", []string{"health check of container web failed"}},
		{"program for another machine", image.Web{Arch: otherArch()}, nil, "", []string{"for another architecture"}},
		{"missing secret", image.Web{}, secret, "", []string{"A secret of container web cannot be read"}},
		{"cannot be pulled", image.Web{}, nil, "/web:nothing", []string{"The image of container web cannot be pulled"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ref := w.aws.Registry.Host() + tt.ref
			if tt.ref == "" {
				ref = w.push(strings.ReplaceAll(tt.name, " ", "-"), tt.web)
			}
			arn := w.register("web", ref, func(in *ecs.RegisterTaskDefinitionInput) {
				if tt.change != nil {
					tt.change(&in.ContainerDefinitions[0])
				}
			})
			stop := w.traffic()
			got := w.step(t.Context(), map[string]string{"task-definition-arn": arn, "pin-images": "false", "wait-for-minutes": "1"})
			stop()
			outputs(t, got, 1, map[string]string{"deployment-status": "failed", "rolled-back": "true"})
			wants(t, got.Summary, append(tt.want, "tasks failed alike: ", "web:1 serves again", "**Try:**")...)
			wants(t, got.Log, "::error", "Try: ")
			if !oneCause.MatchString(got.Summary) {
				t.Errorf("not one cause with its count and ECS's words:\n%s", got.Summary)
			}
			if w.version() != "v1" {
				t.Errorf("%s serves", w.version())
			}
		})
	}
}

// oneCause is the table of a cause: how many tasks, of which container, ended
// how.
var oneCause = regexp.MustCompile("\\| \\d+ \\| `web` \\| `\\w+` \\| \\d* \\| \\w.+ \\|\n")

// A wrong path of the health check is found before any traffic moves.
func TestWrongHealthCheckPath(t *testing.T) {
	w := newWorld(t, 60)
	w.run(nil)
	must(w.elb.ModifyTargetGroup(t.Context(), &elb.ModifyTargetGroupInput{TargetGroupArn: &w.green, HealthCheckPath: aws.String("/slow?for=1h")}))(t)
	stop := w.traffic()
	got := w.step(t.Context(), map[string]string{"images": "web=" + w.push("v2", image.Web{}), "strategy": "blue-green"})
	stop()
	outputs(t, got, 1, map[string]string{"deployment-status": "failed", "rolled-back": "true"})
	wants(t, got.Summary, "no healthy answer from container web", "health check path", "timed out", "web:1 serves again")
	wants(t, w.version(), "v1")
}

// otherArch is one that this machine cannot run.
func otherArch() string {
	if runtime.GOARCH == "arm64" {
		return "amd64"
	}
	return "arm64"
}
