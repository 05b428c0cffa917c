package deployecs

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/org/shipkit/pkg/diag"
	"github.com/org/shipkit/pkg/ecsdeploy"
)

// longest is the most minutes that a wait can take, as in the AWS action.
const longest = 360

// request turns the inputs into a request, or names everything that is wrong
// with them. Paths are relative to workspace. Warnings are about inputs that
// have no effect.
func (in inputs) request(workspace string) (req ecsdeploy.Request, warnings diag.List, err error) {
	b := &builder{in: in, workspace: workspace}
	b.req = ecsdeploy.Request{Cluster: in.Cluster, PinImages: in.PinImages, RegisterOnly: in.Until == "registered"}
	b.services()
	b.wait()
	if in.Mode == "deploy" || in.Mode == "plan" {
		b.source()
		b.overrides()
		b.rollout()
		b.runTask()
		b.scaling()
	}
	if in.Mode != "promote" && in.Mode != "status" {
		b.codeDeploy()
	}
	return b.req, b.warnings, b.problems.Err()
}

// builder gathers a request and its problems.
type builder struct {
	in        inputs
	workspace string
	req       ecsdeploy.Request
	problems  diag.List
	warnings  diag.List
}

// services refuses an empty name unless only a registration or a one-off task
// is asked for: a variable that happens to be empty must not pass silently.
func (b *builder) services() {
	names := b.in.Services
	if b.in.Service != "" {
		names = append([]string{b.in.Service}, names...)
	}
	for i, name := range names {
		if slices.Contains(names[:i], name) {
			b.problems.Errorf("name each service once", "inputs \"service\" and \"services\" name %q twice", name)
		}
	}
	deploys := b.in.Mode == "deploy" || b.in.Mode == "plan"
	if len(names) > 0 && b.req.RegisterOnly && deploys {
		b.warnings.Warnf("remove the services, or wait-until: registered", "the services are not touched with wait-until: registered")
		names = nil
	}
	without := deploys && (b.req.RegisterOnly || b.in.RunTask)
	if len(names) == 0 && !without {
		b.problems.Errorf("write service: web (or wait-until: registered to only register the task definition)",
			"input \"service\" is empty: there is nothing to %s", b.in.Mode)
	}
	b.req.Services = names
}

func (b *builder) wait() {
	in := b.in.waitInputs
	minutes := in.Minutes
	if minutes > longest {
		b.warnings.Warnf("write wait-for-minutes: 360 or less", "input \"wait-for-minutes\": %d is more than 360, which is used", minutes)
		minutes = longest
	}
	until := ecsdeploy.Until(in.Until)
	if in.Stability != nil && !*in.Stability && until == ecsdeploy.UntilCompleted {
		until = ecsdeploy.UntilStarted
	}
	b.req.Wait = ecsdeploy.Wait{
		Until: until, Timeout: time.Duration(minutes) * time.Minute, FailFastAfter: in.FailFastAfter,
		LogLines: in.LogLines, Rollback: in.Rollback,
	}
	if in.MaxDelaySeconds != nil {
		b.req.Wait.Poll = time.Duration(*in.MaxDelaySeconds) * time.Second
	}
}

func (b *builder) path(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(b.workspace, path)
}

// volume tells whether a volume is configured. A name without settings has
// never had an effect.
func (b *builder) volume(input, name, settings string) (string, bool) {
	if name != "" && settings == "" {
		b.warnings.Warnf("write "+input+": {…}, or leave the name out", "input \"%s-name\" has no effect without %q", input, input)
	}
	return settings, name != "" && settings != ""
}

func (b *builder) role(input string, role *string) {
	if role == nil {
		b.problems.Errorf("add \"roleArn\"", "input %q has no roleArn, which ECS needs to attach the volume", input)
	}
}

// decode reads a JSON input into an SDK type. A member that the type does not
// have is a mistake here.
func (b *builder) decode(input, text string, into any) bool {
	if text == "" {
		return true
	}
	decoder := json.NewDecoder(bytes.NewReader([]byte(text)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		b.problems.Errorf("write JSON as the ECS API reference shows it", "input %q is not what is expected: %v", input, err)
		return false
	}
	return true
}

func (b *builder) scaling() {
	in := b.in.scalingInputs
	if in == (scalingInputs{}) {
		return
	}
	b.req.Scaling = &ecsdeploy.Scaling{
		Min: int32s(in.MinCapacity), Max: int32s(in.MaxCapacity), CPU: in.TargetCPU, Memory: in.TargetMemory, Requests: in.TargetRequests,
	}
}

// codeDeploy reads the AppSpec if there is one: only a service of CodeDeploy
// needs it, and that shows later.
func (b *builder) codeDeploy() {
	in := b.in.codeDeployInputs
	b.req.CodeDeploy = ecsdeploy.CodeDeployOptions{
		AppSpecFile: in.AppSpec, Application: in.Application, Group: in.DeploymentGroup,
		Description: in.DeploymentDescription, Config: in.DeploymentConfig,
	}
	data, err := os.ReadFile(b.path(in.AppSpec))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		b.problems.Errorf("check the path; it starts at the workspace", "input \"codedeploy-appspec\": %v", err)
	}
	b.req.CodeDeploy.AppSpec = data
}

func int32s(n *int) *int32 {
	if n == nil {
		return nil
	}
	v := int32(min(*n, 1<<30)) //nolint:gosec // bounded by min
	return &v
}
