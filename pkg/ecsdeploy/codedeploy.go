package ecsdeploy

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
	"github.com/goccy/go-yaml"

	"github.com/org/shipkit/pkg/diag"
)

// CodeDeployOptions are for services whose deployment controller is
// CODE_DEPLOY. Empty names get the defaults of the ECS console.
type CodeDeployOptions struct {
	// AppSpecFile is the path, AppSpec its content (JSON or YAML).
	AppSpecFile string
	AppSpec     []byte
	Application string
	Group       string
	Description string
	Config      string
}

// descriptionLimit is CodeDeploy's, in characters.
const descriptionLimit = 512

func (o CodeDeployOptions) names(s *ServicePlan) (application, group string) {
	suffix := "ECS-" + shortARN(s.Cluster) + "-" + s.Name
	return firstNonEmpty(o.Application, "App"+suffix), firstNonEmpty(o.Group, "Dgp"+suffix)
}

// startCodeDeploy creates the deployment; its ID is in deploymentID.
func (f *follower) startCodeDeploy(ctx context.Context, o CodeDeployOptions) error {
	application, name := o.names(f.s)
	group, err := f.c.CodeDeploy.GetDeploymentGroup(ctx, &codedeploy.GetDeploymentGroupInput{
		ApplicationName: aws.String(application), DeploymentGroupName: aws.String(name),
	})
	if err != nil {
		return fmt.Errorf("get deployment group %s of CodeDeploy application %s: %w", name, application, err)
	}
	content, err := appSpec(o.AppSpecFile, o.AppSpec, f.definition)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(content)
	in := &codedeploy.CreateDeploymentInput{
		ApplicationName: aws.String(application), DeploymentGroupName: aws.String(name),
		Revision: &types.RevisionLocation{
			RevisionType: types.RevisionLocationTypeAppSpecContent,
			AppSpecContent: &types.AppSpecContent{
				Content: aws.String(string(content)), Sha256: aws.String(hex.EncodeToString(sum[:])),
			},
		},
	}
	if o.Description != "" {
		in.Description = aws.String(cut(o.Description, descriptionLimit))
	}
	if o.Config != "" {
		in.DeploymentConfigName = aws.String(o.Config)
	}
	out, err := f.c.CodeDeploy.CreateDeployment(ctx, in)
	if err != nil {
		return fmt.Errorf("create CodeDeploy deployment of %s: %w", application, err)
	}
	f.deploymentID = aws.ToString(out.DeploymentId)
	f.deadline = time.Now().Add(f.wait.Timeout + configuredWait(deref(group.DeploymentGroupInfo)))
	f.progress.Milestone(f.task(), "started CodeDeploy deployment "+f.deploymentID)
	return nil
}

// configuredWait is how long CodeDeploy itself waits, which does not count
// against the user's timeout.
func configuredWait(group types.DeploymentGroupInfo) time.Duration {
	config := deref(group.BlueGreenDeploymentConfiguration)
	minutes := deref(config.DeploymentReadyOption).WaitTimeInMinutes +
		deref(config.TerminateBlueInstancesOnDeploymentSuccess).TerminationWaitTimeInMinutes
	return time.Duration(minutes) * time.Minute
}

// cut shortens a text to a number of characters.
func cut(text string, limit int) string {
	if runes := []rune(text); len(runes) > limit {
		return string(runes[:limit-1]) + "…"
	}
	return text
}

// appSpec puts the task definition into every resource of an AppSpec file and
// returns it as JSON, which CodeDeploy takes as well.
func appSpec(name string, data []byte, definition string) ([]byte, error) {
	if len(data) == 0 {
		return nil, &diag.Diagnostic{
			Summary: fmt.Sprintf("CodeDeploy deploys this service and there is no AppSpec file %q", name),
			Try:     "write codedeploy-appspec: path/to/appspec.yaml",
		}
	}
	var spec map[string]any
	if err := yaml.Unmarshal(data, &spec); err != nil {
		return nil, &diag.Diagnostic{Summary: "not a valid AppSpec: " + err.Error(), File: name, Try: "correct the file", Err: err}
	}
	resources, _ := member(spec, "resources").([]any)
	changed := 0
	for _, item := range resources {
		named, _ := item.(map[string]any)
		for _, resource := range named {
			properties, ok := member(resource, "properties").(map[string]any)
			if !ok {
				continue
			}
			key := "TaskDefinition"
			for k := range properties {
				if strings.EqualFold(k, key) {
					key = k
				}
			}
			properties[key] = definition
			changed++
		}
	}
	if changed == 0 {
		return nil, &diag.Diagnostic{
			Summary: "the AppSpec has no resource with properties", File: name,
			Try: "give it as the ECS developer guide shows: Resources, TargetService, Properties, TaskDefinition",
		}
	}
	out, err := json.Marshal(spec)
	if err != nil {
		return nil, fmt.Errorf("encode AppSpec %s: %w", name, err)
	}
	return out, nil
}

// member reads a member regardless of case.
func member(object any, key string) any {
	fields, _ := object.(map[string]any)
	for k, v := range fields {
		if strings.EqualFold(k, key) {
			return v
		}
	}
	return nil
}

// followCodeDeploy polls the deployment to its end. CodeDeploy rolls back by
// itself when it is stopped with AutoRollbackEnabled.
func (f *follower) followCodeDeploy(ctx context.Context) Verdict {
	v := f.verdict(Failed)
	v.Deployment = f.deploymentID
	asked := false
	for {
		info, err := f.codeDeployment(ctx)
		switch {
		case ctx.Err() != nil:
			return f.cancelCodeDeploy(ctx, v)
		case err != nil && permanent(err):
			v.Reason = err.Error()
			return v
		case err == nil:
			if done := codeDeployOutcome(info, &v); done {
				v.Took = time.Since(f.began)
				return v
			}
			f.progress.Send(codeDeployEvent(f.task(), info))
		}
		if time.Now().After(f.deadline) {
			v.Outcome, v.Reason = TimedOut, "CodeDeploy did not finish in time"
			if asked || !f.wait.Rollback {
				return v
			}
			asked, v.RollbackRequested = true, f.stopCodeDeploy(ctx) == nil
			f.deadline = time.Now().Add(rollbackTime)
		}
		f.pause(ctx)
	}
}

func (f *follower) codeDeployment(ctx context.Context) (types.DeploymentInfo, error) {
	out, err := f.c.CodeDeploy.GetDeployment(ctx, &codedeploy.GetDeploymentInput{DeploymentId: aws.String(f.deploymentID)})
	if err != nil {
		return types.DeploymentInfo{}, fmt.Errorf("get CodeDeploy deployment %s: %w", f.deploymentID, err)
	}
	return deref(out.DeploymentInfo), nil
}

// codeDeployOutcome fills the verdict if the deployment has ended.
func codeDeployOutcome(info types.DeploymentInfo, v *Verdict) bool {
	switch info.Status {
	case types.DeploymentStatusSucceeded:
		v.Outcome, v.Serving = Succeeded, v.TaskDefinition
		return true
	case types.DeploymentStatusFailed, types.DeploymentStatusStopped:
		if v.Outcome != TimedOut {
			v.Reason = firstNonEmpty(aws.ToString(deref(info.ErrorInformation).Message), "CodeDeploy says "+string(info.Status))
		}
		if id := aws.ToString(deref(info.RollbackInfo).RollbackDeploymentId); id != "" {
			v.By, v.RollbackRequested = "CodeDeploy", true
		}
		return true
	default:
		return false
	}
}

func (f *follower) cancelCodeDeploy(ctx context.Context, v Verdict) Verdict {
	v.Outcome = Cancelled
	if !f.wait.Rollback {
		v.Reason = "the deployment goes on in CodeDeploy"
		return v
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), cancelGrace)
	defer cancel()
	if err := f.stopCodeDeploy(grace); err != nil {
		v.Reason = "the rollback could not be requested: " + err.Error()
		return v
	}
	v.RollbackRequested = true
	return v
}

func (f *follower) stopCodeDeploy(ctx context.Context) error {
	_, err := f.c.CodeDeploy.StopDeployment(ctx, &codedeploy.StopDeploymentInput{
		DeploymentId: aws.String(f.deploymentID), AutoRollbackEnabled: aws.Bool(true),
	})
	if err != nil {
		return fmt.Errorf("stop CodeDeploy deployment %s: %w", f.deploymentID, err)
	}
	return nil
}
