package resource

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

func createECSCluster(ctx context.Context, w *World, r *Instance) error {
	properties := r.withTags()
	if properties["ClusterName"] == nil {
		properties["ClusterName"] = r.physicalName(255)
	}
	in := &ecs.CreateClusterInput{}
	if err := fill(in, properties); err != nil {
		return err
	}
	out, err := Call[ecs.CreateClusterOutput](ctx, w, "ecs", "CreateCluster", in)
	if err != nil {
		return err
	}
	r.PhysicalID = aws.ToString(out.Cluster.ClusterName)
	r.Attributes = map[string]any{"Arn": aws.ToString(out.Cluster.ClusterArn)}
	return nil
}

func removeECSCluster(ctx context.Context, w *World, r *Instance, _ string) error {
	_, err := Call[ecs.DeleteClusterOutput](ctx, w, "ecs", "DeleteCluster", &ecs.DeleteClusterInput{Cluster: &r.PhysicalID})
	return err
}

func createTaskDefinition(ctx context.Context, w *World, r *Instance) error {
	properties := r.withTags()
	if properties["Family"] == nil {
		properties["Family"] = r.physicalName(255)
	}
	in := &ecs.RegisterTaskDefinitionInput{}
	if err := fill(in, properties); err != nil {
		return err
	}
	out, err := Call[ecs.RegisterTaskDefinitionOutput](ctx, w, "ecs", "RegisterTaskDefinition", in)
	if err != nil {
		return err
	}
	r.PhysicalID = aws.ToString(out.TaskDefinition.TaskDefinitionArn)
	r.Attributes = map[string]any{"TaskDefinitionArn": r.PhysicalID}
	return nil
}

func removeTaskDefinition(ctx context.Context, w *World, r *Instance, _ string) error {
	_, err := Call[ecs.DeregisterTaskDefinitionOutput](ctx, w, "ecs", "DeregisterTaskDefinition",
		&ecs.DeregisterTaskDefinitionInput{TaskDefinition: &r.PhysicalID})
	return err
}

func createService(ctx context.Context, w *World, r *Instance) error {
	properties := r.withTags()
	if properties["ServiceName"] == nil {
		properties["ServiceName"] = r.physicalName(255)
	}
	in := &ecs.CreateServiceInput{}
	if err := fill(in, properties); err != nil {
		return err
	}
	out, err := Call[ecs.CreateServiceOutput](ctx, w, "ecs", "CreateService", in)
	if err != nil {
		return err
	}
	r.PhysicalID = aws.ToString(out.Service.ServiceArn)
	r.Attributes = map[string]any{"ServiceArn": r.PhysicalID, "Name": aws.ToString(out.Service.ServiceName)}
	return w.awaitService(ctx, r)
}

func updateService(ctx context.Context, w *World, r *Instance) error {
	in := &ecs.UpdateServiceInput{Service: &r.PhysicalID}
	if err := fill(in, r.Properties); err != nil {
		return err
	}
	if _, err := Call[ecs.UpdateServiceOutput](ctx, w, "ecs", "UpdateService", in); err != nil {
		return err
	}
	return w.awaitService(ctx, r)
}

// awaitService waits until one deployment is left and runs what it should.
func (w *World) awaitService(ctx context.Context, r *Instance) error {
	return w.poll(ctx, 15*time.Second, func() (bool, error) {
		s, err := w.service(ctx, r)
		if err != nil {
			return false, err
		}
		for _, d := range s.Deployments {
			if d.RolloutState == types.DeploymentRolloutStateFailed {
				return false, &Error{Reason: fmt.Sprintf(
					`Resource handler returned message: "Error occurred during operation 'ECS Deployment Circuit Breaker was triggered'." `+
						`(RequestToken: %s, HandlerErrorCode: GeneralServiceException)`, id())}
			}
		}
		return len(s.Deployments) == 1 && s.RunningCount == s.DesiredCount &&
			s.Deployments[0].RolloutState != types.DeploymentRolloutStateInProgress, nil
	})
}

func (w *World) service(ctx context.Context, r *Instance) (types.Service, error) {
	in := &ecs.DescribeServicesInput{Services: []string{r.PhysicalID}, Cluster: r.cluster()}
	out, err := Call[ecs.DescribeServicesOutput](ctx, w, "ecs", "DescribeServices", in)
	if err != nil {
		return types.Service{}, err
	}
	if len(out.Services) == 0 {
		return types.Service{}, &Error{Reason: "Service " + r.PhysicalID + " is missing"}
	}
	return out.Services[0], nil
}

func (r *Instance) cluster() *string {
	if name := r.text("Cluster"); name != "" {
		return &name
	}
	return nil
}

// removeService deletes a service with its tasks and waits until they are
// gone.
func removeService(ctx context.Context, w *World, r *Instance, _ string) error {
	in := &ecs.DeleteServiceInput{Service: &r.PhysicalID, Cluster: r.cluster(), Force: new(true)}
	if _, err := Call[ecs.DeleteServiceOutput](ctx, w, "ecs", "DeleteService", in); err != nil {
		return err
	}
	return w.poll(ctx, 15*time.Second, func() (bool, error) {
		s, err := w.service(ctx, r)
		var gone *Error
		if e, ok := err.(*Error); ok { //nolint:errorlint // made two lines above
			gone = e
		}
		if gone != nil || missing(err) {
			return true, nil
		}
		return err == nil && strings.EqualFold(aws.ToString(s.Status), "INACTIVE"), err
	})
}
