package ecsdeploy

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"

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

func byCodeDeploy(service ecstypes.Service) bool {
	return controller(service) == ecstypes.DeploymentControllerTypeCodeDeploy
}

// codeDeploy plans a deployment by CodeDeploy.
func (p *planner) codeDeploy(ctx context.Context, s *ServicePlan) {
	s.Action = ActionCodeDeploy
	o := p.req.CodeDeploy
	if _, err := appSpec(o.AppSpecFile, o.AppSpec, s.Before); err != nil {
		p.fail(err)
	}
	application, name := o.names(s)
	out, err := p.c.CodeDeploy.GetDeploymentGroup(ctx, &codedeploy.GetDeploymentGroupInput{
		ApplicationName: aws.String(application), DeploymentGroupName: aws.String(name),
	})
	switch {
	case err == nil:
		s.group = deref(out.DeploymentGroupInfo)
	case hasCode(err, "ApplicationDoesNotExistException", "DeploymentGroupDoesNotExistException"):
		p.problems.Errorf("name them in codedeploy-application and codedeploy-deployment-group",
			"service %q: CodeDeploy has no deployment group %s in an application %s", s.Name, name, application)
	default:
		p.plan.Warnings.Add(unchecked("CodeDeploy's deployment group "+name, "codedeploy:GetDeploymentGroup", "*", err))
	}
}

// onlyRevision leaves CodeDeploy the revision: it takes no other change of the
// service, and moves traffic by its own configuration.
func (p *planner) onlyRevision(s *ServicePlan) {
	for _, setting := range s.Settings {
		p.plan.Warnings.Warnf("change it in the service or in CodeDeploy's deployment group",
			"service %q is deployed by CodeDeploy, which does not take: %s", s.Name, setting)
	}
	s.Settings, s.Pauses = nil, nil
}

// startCodeDeploy has CodeDeploy deploy a task definition; the ID of the
// deployment is in codeDeployID.
func (f *follower) startCodeDeploy(ctx context.Context, definition string) error {
	o := f.codeDeploy
	content, err := appSpec(o.AppSpecFile, o.AppSpec, definition)
	if err != nil {
		return err
	}
	application, group := o.names(f.s)
	sum := sha256.Sum256(content)
	in := &codedeploy.CreateDeploymentInput{
		ApplicationName: aws.String(application), DeploymentGroupName: aws.String(group),
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
	if hasCode(err, "DeploymentLimitExceededException") {
		return &diag.Diagnostic{
			Summary: fmt.Sprintf("service %s: CodeDeploy deploys it already: %v", f.s.Name, err), Err: err,
			Try: "wait until that deployment has ended; a concurrency group in the workflow queues deployments",
		}
	}
	if err != nil {
		return fmt.Errorf("create CodeDeploy deployment of %s: %w", application, err)
	}
	f.codeDeployID = aws.ToString(out.DeploymentId)
	f.deadline = time.Now().Add(f.wait.Timeout + configuredWait(f.s.group))
	f.progress.Milestone(f.task(), "started CodeDeploy deployment "+f.codeDeployID+" of "+shortARN(definition))
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
