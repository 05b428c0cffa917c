package codedeploy_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/org/shipkit/internal/localaws"
)

// world is a service without tasks that CodeDeploy deploys: what moves is its traffic.
type world struct {
	*testing.T

	aws      *localaws.Server
	listener string
	groups   map[string]string // names of target groups by ARN
}

func newWorld(t *testing.T) *world {
	server, err := localaws.Start(t.Context(), localaws.Options{Factor: 3600, NoData: true, Engine: localaws.Process})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	w := &world{T: t, aws: server, groups: map[string]string{}}
	w.balance()
	w.serve()
	w.until("the service is steady", func() bool {
		out, err := w.aws.ECS.DescribeServices(t.Context(), &ecs.DescribeServicesInput{Cluster: aws.String("shop"), Services: []string{"web"}})
		return slices.ContainsFunc(must(t, out, err).Services[0].Events, func(e ecstypes.ServiceEvent) bool {
			return strings.HasSuffix(*e.Message, "deployment completed.")
		})
	})
	return w
}

func must[T any](t *testing.T, out T, err error) T {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (w *world) balance() {
	lb, err := w.aws.ELB.CreateLoadBalancer(w.Context(), &elb.CreateLoadBalancerInput{Name: aws.String("web"), Subnets: []string{"subnet-1"}})
	arn := must(w.T, lb, err).LoadBalancers[0].LoadBalancerArn
	var tuples []elbtypes.TargetGroupTuple
	for i, name := range []string{"blue", "green"} {
		group, err := w.aws.ELB.CreateTargetGroup(w.Context(), &elb.CreateTargetGroupInput{
			Name: &name, Port: aws.Int32(80), Protocol: elbtypes.ProtocolEnumHttp, TargetType: elbtypes.TargetTypeEnumIp, VpcId: aws.String("vpc-1"),
		})
		group = must(w.T, group, err)
		w.groups[*group.TargetGroups[0].TargetGroupArn] = name
		tuples = append(tuples, elbtypes.TargetGroupTuple{TargetGroupArn: group.TargetGroups[0].TargetGroupArn, Weight: aws.Int32(int32(100 - 100*i))})
	}
	listener, err := w.aws.ELB.CreateListener(w.Context(), &elb.CreateListenerInput{
		LoadBalancerArn: arn, Port: aws.Int32(80), Protocol: elbtypes.ProtocolEnumHttp,
		DefaultActions: []elbtypes.Action{{
			Type: elbtypes.ActionTypeEnumForward, ForwardConfig: &elbtypes.ForwardActionConfig{TargetGroups: tuples},
		}},
	})
	w.listener = *must(w.T, listener, err).Listeners[0].ListenerArn
}

// serve makes the service and its deployment group.
func (w *world) serve() {
	_, err := w.aws.ECS.CreateCluster(w.Context(), &ecs.CreateClusterInput{ClusterName: aws.String("shop")})
	must(w.T, 0, err)
	w.register("v1")
	blue := ""
	for arn, name := range w.groups {
		if name == "blue" {
			blue = arn
		}
	}
	_, err = w.aws.ECS.CreateService(w.Context(), &ecs.CreateServiceInput{
		Cluster: aws.String("shop"), ServiceName: aws.String("web"), TaskDefinition: aws.String("web"), DesiredCount: aws.Int32(0),
		LaunchType:           ecstypes.LaunchTypeEc2,
		DeploymentController: &ecstypes.DeploymentController{Type: ecstypes.DeploymentControllerTypeCodeDeploy},
		LoadBalancers:        []ecstypes.LoadBalancer{{TargetGroupArn: &blue, ContainerName: aws.String("web"), ContainerPort: aws.Int32(80)}},
	})
	must(w.T, 0, err)
	_, err = w.aws.CodeDeploy.CreateApplication(w.Context(), &codedeploy.CreateApplicationInput{
		ApplicationName: aws.String("app"), ComputePlatform: types.ComputePlatformEcs,
	})
	must(w.T, 0, err)
	_, err = w.aws.CodeDeploy.CreateDeploymentGroup(w.Context(), &codedeploy.CreateDeploymentGroupInput{
		ApplicationName: aws.String("app"), DeploymentGroupName: aws.String("group"), ServiceRoleArn: aws.String("arn:aws:iam::1:role/x"),
		EcsServices: []types.ECSService{{ClusterName: aws.String("shop"), ServiceName: aws.String("web")}},
		AutoRollbackConfiguration: &types.AutoRollbackConfiguration{
			Enabled: true, Events: []types.AutoRollbackEvent{types.AutoRollbackEventDeploymentFailure},
		},
		BlueGreenDeploymentConfiguration: &types.BlueGreenDeploymentConfiguration{
			DeploymentReadyOption:                     &types.DeploymentReadyOption{},
			TerminateBlueInstancesOnDeploymentSuccess: &types.BlueInstanceTerminationOption{TerminationWaitTimeInMinutes: 5},
		},
		LoadBalancerInfo: &types.LoadBalancerInfo{TargetGroupPairInfoList: []types.TargetGroupPairInfo{{
			TargetGroups:     []types.TargetGroupInfo{{Name: aws.String("blue")}, {Name: aws.String("green")}},
			ProdTrafficRoute: &types.TrafficRoute{ListenerArns: []string{w.listener}},
		}}},
	})
	must(w.T, 0, err)
}

func (w *world) register(image string) {
	_, err := w.aws.ECS.RegisterTaskDefinition(w.Context(), &ecs.RegisterTaskDefinitionInput{
		Family: aws.String("web"), ContainerDefinitions: []ecstypes.ContainerDefinition{{
			Name: aws.String("web"), Image: aws.String("127.0.0.1:1/web:" + image), Memory: aws.Int32(64), Essential: aws.Bool(true),
			PortMappings: []ecstypes.PortMapping{{ContainerPort: aws.Int32(80)}},
		}},
	})
	must(w.T, 0, err)
}

// deploy starts a deployment of the newest revision.
func (w *world) deploy(hooks string) string {
	w.Helper()
	w.register("next")
	content := `{"Resources":[{"TargetService":{"Properties":{"TaskDefinition":"web"}}}],"Hooks":[` + hooks + `]}`
	out, err := w.aws.CodeDeploy.CreateDeployment(w.Context(), &codedeploy.CreateDeploymentInput{
		ApplicationName: aws.String("app"), DeploymentGroupName: aws.String("group"),
		Revision: &types.RevisionLocation{
			RevisionType: types.RevisionLocationTypeAppSpecContent, AppSpecContent: &types.AppSpecContent{Content: &content},
		},
	})
	return *must(w.T, out, err).DeploymentId
}

// await waits for the end of a deployment.
func (w *world) await(id string) types.DeploymentInfo {
	w.Helper()
	var info types.DeploymentInfo
	w.until("deployment "+id+" is over", func() bool {
		out, err := w.aws.CodeDeploy.GetDeployment(w.Context(), &codedeploy.GetDeploymentInput{DeploymentId: &id})
		info = *must(w.T, out, err).DeploymentInfo
		return info.CompleteTime != nil
	})
	return info
}

func (w *world) until(what string, done func() bool) {
	w.Helper()
	for end := time.Now().Add(20 * time.Second); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			w.Fatalf("%s: not within 20 s", what)
		}
	}
}

// serves tells the revision that the service runs, and which target group has the traffic.
func (w *world) serves() string {
	out, err := w.aws.ECS.DescribeServices(w.Context(), &ecs.DescribeServicesInput{Cluster: aws.String("shop"), Services: []string{"web"}})
	definition := *must(w.T, out, err).Services[0].TaskDefinition
	rules, err := w.aws.ELB.DescribeRules(w.Context(), &elb.DescribeRulesInput{ListenerArn: &w.listener})
	for _, target := range must(w.T, rules, err).Rules[0].Actions[0].ForwardConfig.TargetGroups {
		if *target.Weight == 100 {
			return definition[len(definition)-len("web:1"):] + " " + w.groups[*target.TargetGroupArn]
		}
	}
	return definition + " has no traffic"
}

// A deployment moves the service to the other target group, the next one back; what fails leaves it where it was.
func TestDeployments(t *testing.T) {
	w := newWorld(t)
	called := ""
	w.aws.CodeDeploy.Function("good", func() error { called += "good "; return nil })
	w.aws.CodeDeploy.Function("bad", func() error { called += "bad "; return errors.New("the basket is empty") })
	for _, tt := range []struct {
		name, hooks string
		status      types.DeploymentStatus
		code        types.ErrorCode
		called      string
		rollback    bool
		serves      string
	}{
		{"good", `{"BeforeInstall":"good"},{"AfterAllowTestTraffic":"good"}`, types.DeploymentStatusSucceeded, "", "good good ", false, "web:2 green"},
		{"good again", ``, types.DeploymentStatusSucceeded, "", "", false, "web:3 blue"},
		{"hook before anything", `{"BeforeInstall":"bad"}`, types.DeploymentStatusFailed, types.ErrorCodeHookExecutionFailure, "bad ", false, "web:3 blue"},
		{"hook before traffic", `{"BeforeAllowTraffic":"bad"}`, types.DeploymentStatusFailed, types.ErrorCodeHookExecutionFailure, "bad ", true, "web:3 blue"},
		{"hook after traffic", `{"AfterAllowTraffic":"bad"}`, types.DeploymentStatusFailed, types.ErrorCodeHookExecutionFailure, "bad ", true, "web:3 blue"},
		{"hook without function", `{"AfterInstall":"none"}`, types.DeploymentStatusFailed, types.ErrorCodeInvalidLambdaFunction, "", true, "web:3 blue"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			called = ""
			info := w.await(w.deploy(tt.hooks))
			code := types.ErrorCode("")
			if info.ErrorInformation != nil {
				code = info.ErrorInformation.Code
			}
			if info.Status != tt.status || code != tt.code || called != tt.called || (info.RollbackInfo != nil) != tt.rollback {
				t.Errorf("%s %s, called %q, rollback %v", info.Status, code, called, info.RollbackInfo)
			}
			if info.RollbackInfo != nil {
				if back := w.await(*info.RollbackInfo.RollbackDeploymentId); back.Status != types.DeploymentStatusSucceeded {
					t.Errorf("the rollback is %s", back.Status)
				}
			}
			if got := w.serves(); got != tt.serves {
				t.Errorf("%s serves, want %s", got, tt.serves)
			}
		})
	}
}

// What is stopped ends, and goes back if asked to; a group has one deployment at a time.
func TestStop(t *testing.T) {
	w := newWorld(t)
	hold := make(chan struct{})
	w.aws.CodeDeploy.Function("slow", func() error { <-hold; return nil })
	id := w.deploy(`{"AfterInstall":"slow"}`)
	stop := func() error {
		_, err := w.aws.CodeDeploy.StopDeployment(t.Context(), &codedeploy.StopDeploymentInput{DeploymentId: &id, AutoRollbackEnabled: aws.Bool(true)})
		return err //nolint:wrapcheck // compared by type
	}
	content := `{"Resources":[{"TargetService":{"Properties":{"TaskDefinition":"web"}}}]}`
	_, err := w.aws.CodeDeploy.CreateDeployment(t.Context(), &codedeploy.CreateDeploymentInput{
		ApplicationName: aws.String("app"), DeploymentGroupName: aws.String("group"),
		Revision: &types.RevisionLocation{
			RevisionType: types.RevisionLocationTypeAppSpecContent, AppSpecContent: &types.AppSpecContent{Content: &content},
		},
	})
	if _, refused := errors.AsType[*types.DeploymentLimitExceededException](err); !refused {
		t.Errorf("a second deployment: %v", err)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	close(hold)
	info := w.await(id)
	if info.Status != types.DeploymentStatusStopped || info.RollbackInfo == nil {
		t.Fatalf("%s, rollback %v", info.Status, info.RollbackInfo)
	}
	if back := w.await(*info.RollbackInfo.RollbackDeploymentId); back.Creator != types.DeploymentCreatorCodeDeployRollback {
		t.Errorf("the rollback was created by %s", back.Creator)
	}
	if got := w.serves(); got != "web:1 blue" {
		t.Errorf("%s serves", got)
	}
	if _, over := errors.AsType[*types.DeploymentAlreadyCompletedException](stop()); !over {
		t.Error("what is over can be stopped")
	}
}

// CodeDeploy does not wait for ever for tasks that never start.
func TestTimeout(t *testing.T) {
	w := newWorld(t)
	scale := func(tasks int32) {
		_, err := w.aws.ECS.UpdateService(t.Context(), &ecs.UpdateServiceInput{
			Cluster: aws.String("shop"), Service: aws.String("web"), DesiredCount: &tasks,
		})
		must(t, 0, err)
	}
	scale(1) // there is no registry to pull from
	info := w.await(w.deploy(""))
	if info.Status != types.DeploymentStatusFailed || info.ErrorInformation.Code != types.ErrorCodeTimeout {
		t.Errorf("%s %s", info.Status, info.ErrorInformation.Code)
	}
	if took := info.CompleteTime.Sub(*info.CreateTime); took < time.Hour {
		t.Errorf("it gave up after %s", took)
	}
	scale(0)
	w.await(*info.RollbackInfo.RollbackDeploymentId)
	if got := w.serves(); got != "web:1 blue" {
		t.Errorf("%s serves", got)
	}
}

// What CodeDeploy deploys, ECS does not, and shows as task sets.
func TestServiceIsCodeDeploysOwn(t *testing.T) {
	w := newWorld(t)
	_, err := w.aws.ECS.UpdateService(t.Context(), &ecs.UpdateServiceInput{
		Cluster: aws.String("shop"), Service: aws.String("web"), TaskDefinition: aws.String("web"),
	})
	if _, refused := errors.AsType[*ecstypes.InvalidParameterException](err); !refused {
		t.Errorf("an update of the task definition: %v", err)
	}
	w.await(w.deploy(""))
	out, err := w.aws.ECS.DescribeServices(t.Context(), &ecs.DescribeServicesInput{Cluster: aws.String("shop"), Services: []string{"web"}})
	service := must(t, out, err).Services[0]
	if len(service.Deployments) != 0 || len(service.TaskSets) != 1 || *service.TaskSets[0].Status != "PRIMARY" {
		t.Errorf("%d deployments, %d task sets", len(service.Deployments), len(service.TaskSets))
	}
	list, err := w.aws.ECS.ListServiceDeployments(t.Context(), &ecs.ListServiceDeploymentsInput{Cluster: aws.String("shop"), Service: aws.String("web")})
	if got := must(t, list, err); len(got.ServiceDeployments) != 0 {
		t.Errorf("%d service deployments", len(got.ServiceDeployments))
	}
}

// Records survive a restart.
func TestState(t *testing.T) {
	w := newWorld(t)
	id := w.deploy("")
	w.await(id)
	data, err := w.aws.CodeDeploy.Save()
	if err := w.aws.CodeDeploy.Load(must(t, data, err)); err != nil {
		t.Fatal(err)
	}
	if info := w.await(id); info.Status != types.DeploymentStatusSucceeded {
		t.Errorf("it is %s", info.Status)
	}
	w.await(w.deploy(""))
}
