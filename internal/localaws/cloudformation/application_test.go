package cloudformation_test

import (
	"context"
	"io"
	"net/http"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/org/shipkit/internal/awstest/image"
	"github.com/org/shipkit/internal/localaws"
)

const applicationStack = `
Parameters:
  Image: {Type: String}
Resources:
  Cluster: {Type: AWS::ECS::Cluster}
  Logs:
    Type: AWS::Logs::LogGroup
    Properties: {LogGroupName: !Sub "/${AWS::StackName}/web", RetentionInDays: 7}
  Secret:
    Type: AWS::SecretsManager::Secret
    Properties: {GenerateSecretString: {SecretStringTemplate: '{"username":"app"}', GenerateStringKey: password}}
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Version: "2012-10-17"
        Statement: [{Effect: Allow, Principal: {Service: scheduler.amazonaws.com}, Action: "sts:AssumeRole"}]
  Off:
    Type: AWS::Scheduler::Schedule
    Properties:
      ScheduleExpression: cron(0 18 ? * MON-FRI *)
      ScheduleExpressionTimezone: Africa/Lagos
      FlexibleTimeWindow: {Mode: "OFF"}
      Target:
        Arn: arn:aws:scheduler:::aws-sdk:ecs:updateService
        RoleArn: !GetAtt Role.Arn
        Input: !Sub '{"Cluster":"${Cluster}","Service":"web","DesiredCount":0}'
  Balancer: {Type: AWS::ElasticLoadBalancingV2::LoadBalancer, Properties: {Subnets: [subnet-a, subnet-b]}}
  Targets:
    Type: AWS::ElasticLoadBalancingV2::TargetGroup
    Properties:
      Port: 8080
      Protocol: HTTP
      TargetType: ip
      VpcId: vpc-local
      HealthCheckPath: /healthz
      HealthCheckIntervalSeconds: "5"
      TargetGroupAttributes: [{Key: deregistration_delay.timeout_seconds, Value: "1"}]
  Listener:
    Type: AWS::ElasticLoadBalancingV2::Listener
    Properties:
      LoadBalancerArn: !Ref Balancer
      Port: 80
      Protocol: HTTP
      DefaultActions: [{Type: fixed-response, FixedResponseConfig: {StatusCode: "404"}}]
  Rule:
    Type: AWS::ElasticLoadBalancingV2::ListenerRule
    Properties:
      ListenerArn: !Ref Listener
      Priority: 1
      Conditions: [{Field: path-pattern, Values: ["/*"]}]
      Actions: [{Type: forward, TargetGroupArn: !Ref Targets}]
  Task:
    Type: AWS::ECS::TaskDefinition
    Properties:
      Family: !Sub "${AWS::StackName}-web"
      NetworkMode: awsvpc
      Cpu: "256"
      Memory: "512"
      RequiresCompatibilities: [FARGATE]
      ExecutionRoleArn: !GetAtt Role.Arn
      ContainerDefinitions:
        - Name: web
          Image: !Ref Image
          Essential: true
          PortMappings: [{ContainerPort: 8080}]
          LogConfiguration:
            LogDriver: awslogs
            Options: {awslogs-group: !Ref Logs, awslogs-region: !Ref "AWS::Region", awslogs-stream-prefix: web}
  Service:
    Type: AWS::ECS::Service
    DependsOn: Rule
    Properties:
      Cluster: !Ref Cluster
      ServiceName: web
      TaskDefinition: !Ref Task
      DesiredCount: 1
      LaunchType: FARGATE
      NetworkConfiguration: {AwsvpcConfiguration: {Subnets: [subnet-a]}}
      LoadBalancers: [{ContainerName: web, ContainerPort: 8080, TargetGroupArn: !Ref Targets}]
      DeploymentConfiguration: {DeploymentCircuitBreaker: {Enable: true, Rollback: false}}
Outputs:
  Url: {Value: !Sub "http://${Balancer.DNSName}"}
`

// A whole application serves, takes a new version, and goes without a trace.
func TestApplicationStack(t *testing.T) {
	server, err := localaws.Start(t.Context(), localaws.Options{Factor: 20, NoData: true, Engine: localaws.Process})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := server.ECR.CreateRepository(t.Context(),
		&ecr.CreateRepositoryInput{RepositoryName: new("web")}); err != nil {
		t.Fatal(err)
	}
	push := func(version string) string {
		user, secret := server.ECR.Credentials()
		ref := server.ECR.Host() + "/web:" + version
		auth := remote.WithAuth(&authn.Basic{Username: user, Password: secret})
		if _, err := image.Push(t.Context(), ref, image.Web{Version: version}, auth); err != nil {
			t.Fatal(err)
		}
		return ref
	}
	w := &world{Client: sdk.NewFromConfig(server.Config())}
	id, err := w.CreateStack(t.Context(), &sdk.CreateStackInput{
		StackName: new("app"), TemplateBody: new(applicationStack), Parameters: pairs([]string{"Image", push("v1")}),
		Capabilities: []types.Capability{types.CapabilityCapabilityIam},
	})
	if err != nil {
		t.Fatal(err)
	}
	url := output(w.await(t, "app", types.StackStatusCreateComplete), "Url")
	if got := get(t, url+"/version"); got != "{\"version\":\"v1\"}\n" {
		t.Errorf("version: %q", got)
	}
	_, err = w.UpdateStack(t.Context(), &sdk.UpdateStackInput{
		StackName: new("app"), UsePreviousTemplate: new(true), Parameters: pairs([]string{"Image", push("v2")}),
		Capabilities: []types.Capability{types.CapabilityCapabilityIam},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.await(t, "app", types.StackStatusUpdateComplete)
	if got := get(t, url+"/version"); got != "{\"version\":\"v2\"}\n" {
		t.Errorf("version after the update: %q", got)
	}
	if _, err := w.DeleteStack(t.Context(), &sdk.DeleteStackInput{StackName: new("app")}); err != nil {
		t.Fatal(err)
	}
	w.await(t, *id.StackId, types.StackStatusDeleteComplete)
}

func get(t *testing.T, url string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}
