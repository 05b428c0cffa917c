package deployecs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/org/shipkit/pkg/action/actiontest"
	"github.com/org/shipkit/pkg/ecsdeploy"
)

// Bad inputs end the step before AWS is called: the endpoint of these runs
// refuses connections.
func TestBadInputs(t *testing.T) {
	for _, tt := range []struct {
		name string
		with map[string]string
		want []string
	}{
		{"empty service", map[string]string{"task-definition": "task.json"}, []string{`input "service" is empty`, "wait-until: registered"}},
		{"empty service of a rollback", map[string]string{"mode": "rollback"}, []string{"there is nothing to rollback"}},
		{"no task definition", map[string]string{"wait-until": "registered"}, []string{`input "task-definition" is empty`}},
		{"missing file", map[string]string{"service": "web", "task-definition": "nothing.json"}, []string{`input "task-definition": open`, "no such file"}},
		{"revision without a family", map[string]string{"service": "web", "task-definition-revision": "4"}, []string{"says nothing without a family"}},
		{"the same service twice", map[string]string{"service": "web", "services": "api,web"}, []string{`name "web" twice`}},
		{"canary's share with another strategy", map[string]string{"service": "web", "strategy": "linear", "canary-percent": "5"}, []string{`input "canary-percent" has no meaning with strategy: linear`}},
		{"pause while traffic shifts", map[string]string{"service": "web", "pause-at": "production-traffic-shift"}, []string{`"production-traffic-shift" is not one of`}},
		{"role", map[string]string{"service": "web", "task-role-arn": "role/x"}, []string{`input "task-role-arn": "role/x" is not the ARN of a role`}},
		{"overrides that are no JSON", map[string]string{"service": "web", "run-task": "true", "run-task-container-overrides": "{"}, []string{`input "run-task-container-overrides"`}},
		{"overrides with a typo", map[string]string{"service": "web", "run-task": "true", "run-task-container-overrides": `[{"nmae":"web"}]`}, []string{`unknown field "nmae"`}},
		{"volume without a role", map[string]string{"service": "web", "service-managed-ebs-volume-name": "v", "service-managed-ebs-volume": `{"sizeInGiB":3}`}, []string{"has no roleArn"}},
		{"two problems at once", map[string]string{"pause-at": "now", "run-task": "false"}, []string{`input "service" is empty`, `"now" is not one of`}},
		{"mode", map[string]string{"service": "web", "mode": "undo"}, []string{`input "mode"`, "deploy"}},
		{"strategy", map[string]string{"service": "web", "strategy": "big-bang"}, []string{`input "strategy"`}},
		{"share", map[string]string{"service": "web", "strategy": "linear", "step-percent": "2"}, []string{`input "step-percent"`, "from 3 to 100"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := actiontest.Run(t.Context(), t, actiontest.Step{Spec: Spec, With: tt.with, Env: map[string]string{
				"GITHUB_WORKSPACE": t.TempDir(), "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
			}})
			if got.ExitCode == 0 {
				t.Error("the step passed")
			}
			for _, want := range append(tt.want, "Try: ") {
				if !strings.Contains(got.Log, want) {
					t.Errorf("%q is missing in:\n%s", want, got.Log)
				}
			}
		})
	}
}

func sample() inputs {
	in := inputs{Mode: "deploy", Cluster: "shop", Service: "web"}
	in.Until, in.Minutes, in.FailFastAfter, in.LogLines, in.Rollback, in.PinImages = "completed", 30, 3, 20, true, true
	in.AppSpec = "appspec.yaml"
	return in
}

func TestRequest(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "task.json"), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	no, yes := false, true
	four := 4
	for _, tt := range []struct {
		name  string
		set   func(*inputs)
		check func(ecsdeploy.Request) any
		want  any
	}{
		{"a file", func(in *inputs) { in.TaskDefinition = "task.json" }, func(r ecsdeploy.Request) any { return string(r.Source.Data) }, "{}"},
		{"a family", func(in *inputs) { in.TaskDefinition = "web" }, func(r ecsdeploy.Request) any { return r.Source.Registered }, "web"},
		{"a family and revision", func(in *inputs) { in.Family, in.Revision = "web", &four }, func(r ecsdeploy.Request) any { return r.Source.Registered }, "web:4"},
		{"words of a command", func(in *inputs) { in.Command = "run  it" }, func(r ecsdeploy.Request) any { return r.Overrides.Command }, []string{"run", "it"}},
		{"list of a command", func(in *inputs) { in.Command = `["sh","-c","a b"]` }, func(r ecsdeploy.Request) any { return r.Overrides.Command }, []string{"sh", "-c", "a b"}},
		{"waits unless told not to", func(*inputs) {}, func(r ecsdeploy.Request) any { return r.Wait.Until }, ecsdeploy.UntilCompleted},
		{"stability false", func(in *inputs) { in.Stability = &no }, func(r ecsdeploy.Request) any { return r.Wait.Until }, ecsdeploy.UntilStarted},
		{"stability true", func(in *inputs) { in.Stability = &yes }, func(r ecsdeploy.Request) any { return r.Wait.Until }, ecsdeploy.UntilCompleted},
		{"more than six hours", func(in *inputs) { in.Minutes = 500 }, func(r ecsdeploy.Request) any { return r.Wait.Timeout }, 6 * time.Hour},
		{"both spellings of services", func(in *inputs) { in.Services = []string{"api"} }, func(r ecsdeploy.Request) any { return r.Services }, []string{"web", "api"}},
		{"overrides of the one-off task", func(in *inputs) {
			in.RunTask, in.TaskOverrides = true, `[{"name":"web","command":["migrate"]}]`
		}, func(r ecsdeploy.Request) any { return r.RunTask.Overrides[0].Command }, []string{"migrate"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := sample()
			tt.set(&in)
			req, _, err := in.request(dir)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, tt.check(req)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestSpec(t *testing.T) {
	if err := Spec.Check(); err != nil {
		t.Error(err)
	}
}
