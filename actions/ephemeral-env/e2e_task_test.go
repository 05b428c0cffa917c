package ephemeralenv

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/org/shipkit/internal/githubtest"
	"github.com/org/shipkit/internal/localaws"
)

// suite registers the task definition of a test: the sample program in a mode.
func (w *world) suite(t *testing.T, family, mode, image string) {
	t.Helper()
	_, err := w.ECS.RegisterTaskDefinition(t.Context(), &ecs.RegisterTaskDefinitionInput{
		Family: &family, NetworkMode: types.NetworkModeAwsvpc, Cpu: new("256"), Memory: new("512"),
		RequiresCompatibilities: []types.Compatibility{types.CompatibilityFargate},
		ContainerDefinitions: []types.ContainerDefinition{{
			Name: new("test"), Image: &image, Environment: []types.KeyValuePair{{Name: new("MODE"), Value: &mode}},
			LogConfiguration: &types.LogConfiguration{LogDriver: types.LogDriverAwslogs, Options: map[string]string{
				"awslogs-group": "/tests", "awslogs-region": "eu-west-1", "awslogs-stream-prefix": "test",
			}},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = cloudwatchlogs.NewFromConfig(w.Config()).CreateLogGroup(t.Context(), &cloudwatchlogs.CreateLogGroupInput{LogGroupName: new("/tests")})
	if err != nil && !strings.Contains(err.Error(), "ResourceAlreadyExists") {
		t.Fatal(err)
	}
}

// running lists the tasks of tests that nobody has stopped.
func (w *world) running(t *testing.T) []string {
	t.Helper()
	out, err := ecs.NewFromConfig(w.Config()).ListTasks(t.Context(), &ecs.ListTasksInput{Cluster: new("shared")})
	if err != nil {
		t.Fatal(err)
	}
	return out.TaskArns
}

const asJob = `[{"name": "test", "command": ["see", "$SHIPKIT_URL", "of", "$SHIPKIT_ENVIRONMENT"]}]`

// The test of a run as a task: its exit code is the verdict, its log is shown,
// and it is gone with the environment.
func TestRunOfATask(t *testing.T) {
	w := startWith(t, localaws.Options{Factor: 100, NoData: true, Engine: localaws.Process})
	template := small(t)
	w.github.Pulls = []githubtest.Pull{{Number: 7, State: "open", SHA: sha}}
	for family, mode := range map[string]string{"good": "job", "bad": "exit:3", "endless": "mute"} {
		w.suite(t, family, mode, w.images["v1"])
	}
	w.suite(t, "unbuilt", "job", w.ECR.Host()+"/web:none")
	for name, test := range map[string]struct {
		with map[string]string
		exit int
		want []string // in the log
		mail []string
		made string // "no" if nothing may be made
	}{
		"passes": {map[string]string{"test-task": "good", "run-task-container-overrides": asJob}, 0,
			[]string{"job see nothing to ask of xy-0146-pr7", "succeeded"}, []string{"the test passed", "Test task: passed: good:1"}, ""},
		"fails": {map[string]string{"test-task": "bad:1"}, 1,
			[]string{"container test exits with code 3", "test test: exit 3"}, []string{"the test failed", "failed: test-task bad:1: container test exits with code 3"}, ""},
		"has no image": {map[string]string{"test-task": "unbuilt"}, 1,
			[]string{"the image of container test cannot be pulled", "CannotPullContainerError"}, []string{"the test failed"}, ""},
		"takes too long": {map[string]string{"test-task": "endless", "test-wait": "1s"}, 1,
			[]string{"test-task endless:1 has not ended within 1s: it is stopped", "raise test-wait"}, []string{"the test failed"}, ""},
		"passes, the command fails": {map[string]string{"test-task": "good", "test-command": "echo the cart is empty; exit 4"}, 1,
			[]string{"the cart is empty", "exit status 4", "job"}, []string{"Test command: failed", "Test task: passed: good:1"}, ""},
		"is unknown": {map[string]string{"test-task": "goof"}, 2, []string{`input test-task: eu-west-1 has no ACTIVE task definition "goof"`}, nil, "no"},
		"is not the environment's": {map[string]string{"test-task": "${namespace}-test"}, 2,
			[]string{`has no ACTIVE task definition "xy-0146-pr7-test"`}, []string{"the test failed"}, ""},
		"has no such container": {map[string]string{"test-task": "good", "run-task-container-overrides": `[{"name": "tset"}]`}, 2,
			[]string{`good has no container "tset"`, "Try: one of test"}, nil, "no"},
		"overrides nothing": {map[string]string{"test-task": "good", "run-task-container-overrides": `{"test": 1}`}, 2,
			[]string{"input run-task-container-overrides: not as the ECS API reference shows it"}, nil, "no"},
		"has no subnets": {map[string]string{"test-task": "good", "run-task-security-groups": "sg-1", "run-task-subnets": ""}, 2,
			[]string{"input run-task-subnets: nothing given"}, nil, "no"},
	} {
		t.Run(name, func(t *testing.T) {
			w.Faults.Forget()
			mails := len(w.Mail.Inbox())
			with := map[string]string{
				"command": "run", "cluster": "shared", "run-task-subnets": "subnet-1", "email-to": "team@example.com", "email-from": "env@example.com",
			}
			for key, value := range test.with {
				with[key] = value
			}
			got := w.smallStep(t, template, with)
			for _, want := range test.want {
				if got.ExitCode != test.exit || !strings.Contains(got.Log, want) {
					t.Errorf("exit code %d, want %q in\n%s", got.ExitCode, want, got.Log)
				}
			}
			letter := ""
			for _, mail := range w.Mail.Inbox()[mails:] {
				letter += mail.Subject + "\n" + mail.Text
			}
			for _, want := range test.mail {
				if !strings.Contains(letter, want) {
					t.Errorf("no %q in %q", want, letter)
				}
			}
			for _, call := range w.Calls() {
				if test.made == "no" && call.AccessKeyID == w.key && writes(call) {
					t.Errorf("%s was called", call.Operation)
				}
			}
			if stacks, parameters, schedules := w.left(t); stacks+parameters+schedules+len(w.running(t)) != 0 {
				t.Errorf("left: %d stacks, %d parameters, %d schedules, tasks %v", stacks, parameters, schedules, w.running(t))
			}
			if test.made != "no" {
				w.covers(t)
			}
		})
	}
}

// Without subnets of its own, the task runs beside the environment's service.
func TestTaskRunsBesideTheService(t *testing.T) {
	w := startWith(t, localaws.Options{Factor: 60, NoData: true, Engine: localaws.Process})
	w.github.Pulls = []githubtest.Pull{{Number: 7, State: "open", SHA: sha}}
	w.suite(t, "good", "job", w.images["v1"])
	got := w.step(t, map[string]string{
		"command": "run", "image": w.images["v1"], "cluster": "shared", "test-task": "good", "run-task-container-overrides": asJob,
	})
	if want := "job see " + w.url + " of xy-0146-pr7"; got.ExitCode != 0 || !strings.Contains(got.Log, want) || !strings.Contains(got.Summary, want) {
		t.Errorf("want %q: %+v", want, got)
	}
	if !strings.Contains(got.Summary, "### Test ✅ passed in ") || !strings.Contains(got.Summary, "`good:1`") {
		t.Errorf("summary:\n%s", got.Summary)
	}
	w.covers(t)
}

// With Terraform the inputs say where it runs.
func TestTaskWithTerraform(t *testing.T) {
	p := newPlant(t)
	p.images = map[string]string{}
	p.share(t)
	p.suite(t, "good", "job", p.images["v1"])
	for name, test := range map[string]struct {
		with map[string]string
		exit int
		want string
	}{
		"cluster and subnets": {map[string]string{"cluster": "shared", "run-task-subnets": "subnet-1"}, 0, "job see " + p.site + " of xy-0146-pr7"},
		"no cluster":          {nil, 2, "input cluster: nothing given"},
		"no network":          {map[string]string{"cluster": "shared"}, 2, "input run-task-subnets: nothing given"},
	} {
		with := p.with("r1", "true")
		with["command"], with["test-task"], with["run-task-container-overrides"] = "run", "good", asJob
		for key, value := range test.with {
			with[key] = value
		}
		got := p.step(t, with)
		if got.ExitCode != test.exit || !strings.Contains(got.Log, test.want) {
			t.Errorf("%s: want %q: %+v", name, test.want, got)
		}
		p.gone(t)
	}
	p.covers(t)
}
