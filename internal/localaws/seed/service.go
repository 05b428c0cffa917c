package seed

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/org/shipkit/internal/awstest/image"
	"github.com/org/shipkit/internal/localaws"
	"github.com/org/shipkit/internal/localaws/wire"
)

// push makes the repository and the sample app's first image, which it compiles with the Go toolchain.
func push(ctx context.Context, s *localaws.Server, version string) (ref string, err error) {
	if _, err := s.ECR.CreateRepository(ctx, &ecr.CreateRepositoryInput{RepositoryName: aws.String(Service)}); err != nil {
		return "", fmt.Errorf("create the repository: %w", err)
	}
	account, secret := s.ECR.Credentials()
	login := remote.WithAuth(&authn.Basic{Username: account, Password: secret})
	ref = s.ECR.Host() + "/" + Service + ":" + version
	if _, err := image.Push(ctx, ref, image.Web{Version: version}, login); err != nil {
		return "", fmt.Errorf("push %s: %w", ref, err)
	}
	return ref, nil
}

// RunService makes an environment's cluster, runs the image in it twice behind a load balancer, and returns the address
// to open. The account is Run's.
func RunService(ctx context.Context, s *localaws.Server, namespace, ref string) (url string, err error) {
	group, listener, err := balance(ctx, s, namespace)
	if err != nil {
		return "", err
	}
	if err := logGroup(ctx, s, namespace); err != nil {
		return "", err
	}
	if _, err := s.ECS.CreateCluster(ctx, &ecs.CreateClusterInput{ClusterName: aws.String(namespace)}); err != nil {
		return "", fmt.Errorf("create the cluster: %w", err)
	}
	definition, err := s.ECS.RegisterTaskDefinition(ctx, taskDefinition(namespace, ref))
	if err != nil {
		return "", fmt.Errorf("register the task definition: %w", err)
	}
	_, err = s.ECS.CreateService(ctx, &ecs.CreateServiceInput{
		Cluster: aws.String(namespace), ServiceName: aws.String(Service), DesiredCount: aws.Int32(2),
		TaskDefinition: definition.TaskDefinition.TaskDefinitionArn, LaunchType: types.LaunchTypeFargate,
		NetworkConfiguration: &types.NetworkConfiguration{AwsvpcConfiguration: &types.AwsVpcConfiguration{
			Subnets: []string{Subnet}, SecurityGroups: []string{Group}}},
		LoadBalancers: []types.LoadBalancer{{TargetGroupArn: &group, ContainerName: aws.String(Service),
			ContainerPort: aws.Int32(8080)}},
	})
	if err != nil {
		return "", fmt.Errorf("create the service: %w", err)
	}
	return s.ELB.ListenerURL(listener), steady(ctx, s, namespace)
}

func taskDefinition(namespace, ref string) *ecs.RegisterTaskDefinitionInput {
	role := "arn:aws:iam::" + wire.DefaultAccount + ":role/" + executionRole
	architecture := types.CPUArchitectureX8664
	if runtime.GOARCH == "arm64" {
		architecture = types.CPUArchitectureArm64
	}
	return &ecs.RegisterTaskDefinitionInput{
		Family: aws.String(namespace + "-" + Service), NetworkMode: types.NetworkModeAwsvpc, ExecutionRoleArn: &role,
		RequiresCompatibilities: []types.Compatibility{types.CompatibilityFargate}, Cpu: aws.String("256"), Memory: aws.String("512"),
		RuntimePlatform: &types.RuntimePlatform{CpuArchitecture: architecture, OperatingSystemFamily: types.OSFamilyLinux},
		ContainerDefinitions: []types.ContainerDefinition{{
			Name: aws.String(Service), Image: &ref, Essential: aws.Bool(true),
			PortMappings: []types.PortMapping{{ContainerPort: aws.Int32(8080)}},
			LogConfiguration: &types.LogConfiguration{LogDriver: types.LogDriverAwslogs, Options: map[string]string{
				"awslogs-group": "/" + namespace + "/" + Service, "awslogs-region": wire.DefaultRegion, "awslogs-stream-prefix": Service}},
		}},
	}
}

func balance(ctx context.Context, s *localaws.Server, namespace string) (group, listener string, err error) {
	balancer, err := s.ELB.CreateLoadBalancer(ctx, &elb.CreateLoadBalancerInput{Name: aws.String(namespace), Subnets: []string{Subnet}})
	if err != nil {
		return "", "", fmt.Errorf("create the load balancer: %w", err)
	}
	groups, err := s.ELB.CreateTargetGroup(ctx, &elb.CreateTargetGroupInput{Name: aws.String(namespace + "-" + Service),
		Port: aws.Int32(8080), Protocol: elbtypes.ProtocolEnumHttp, TargetType: elbtypes.TargetTypeEnumIp, VpcId: aws.String(Vpc),
		HealthCheckPath: aws.String("/healthz"), HealthyThresholdCount: aws.Int32(2)})
	if err != nil {
		return "", "", fmt.Errorf("create the target group: %w", err)
	}
	group = *groups.TargetGroups[0].TargetGroupArn
	listeners, err := s.ELB.CreateListener(ctx, &elb.CreateListenerInput{LoadBalancerArn: balancer.LoadBalancers[0].LoadBalancerArn,
		Port: aws.Int32(80), Protocol: elbtypes.ProtocolEnumHttp,
		DefaultActions: []elbtypes.Action{{Type: elbtypes.ActionTypeEnumForward, TargetGroupArn: &group}}})
	if err != nil {
		return "", "", fmt.Errorf("create the listener: %w", err)
	}
	return group, *listeners.Listeners[0].ListenerArn, nil
}

// steady waits until the first rollout is over.
func steady(ctx context.Context, s *localaws.Server, namespace string) error {
	for {
		out, err := s.ECS.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: aws.String(namespace), Services: []string{Service}})
		if err != nil {
			return fmt.Errorf("describe the service: %w", err)
		}
		switch d := out.Services[0].Deployments[0]; d.RolloutState {
		case types.DeploymentRolloutStateCompleted:
			return nil
		case types.DeploymentRolloutStateFailed:
			return fmt.Errorf("the rollout failed: %s", aws.ToString(d.RolloutStateReason))
		}
		if err := s.Clock.Sleep(ctx, 2*time.Second); err != nil {
			return fmt.Errorf("wait for the service: %w", err)
		}
	}
}
