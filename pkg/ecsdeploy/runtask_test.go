package ecsdeploy

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/org/shipkit/pkg/ecsdeploy/taskdef"
)

// A one-off task runs on Fargate unless it cannot, or is told where to run; its
// network is the service's unless it is told another.
func TestWhereOneOffTasksRun(t *testing.T) {
	const fargate, bridge = `"networkMode":"awsvpc"`, `"networkMode":"bridge"`
	spot := []types.CapacityProviderStrategyItem{{CapacityProvider: aws.String("FARGATE_SPOT")}}
	for _, tt := range []struct {
		name, document string
		task           RunTask
		service        types.Service
		launch         types.LaunchType
		capacity       string
		subnet         string
	}{
		{"beside a service on Fargate", fargate, RunTask{}, types.Service{LaunchType: types.LaunchTypeFargate}, types.LaunchTypeFargate, "", "own"},
		{"beside a service on spot capacity", fargate, RunTask{}, types.Service{CapacityProviderStrategy: spot}, types.LaunchTypeFargate, "", "own"},
		{"on instances, which it needs", bridge, RunTask{}, types.Service{LaunchType: types.LaunchTypeEc2}, types.LaunchTypeEc2, "", "own"},
		{"on capacity, as it excludes Fargate", fargate + `,"requiresCompatibilities":["EC2"]`, RunTask{}, types.Service{CapacityProviderStrategy: spot}, "", "FARGATE_SPOT", "own"},
		{"where it is told", fargate, RunTask{LaunchType: types.LaunchTypeEc2}, types.Service{}, types.LaunchTypeEc2, "", "own"},
		{"on capacity that it is told", fargate, RunTask{Capacity: spot, Subnets: []string{"told"}}, types.Service{LaunchType: types.LaunchTypeEc2}, "", "FARGATE_SPOT", "told"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, err := taskdef.Parse("task.json", []byte(`{"family":"web","containerDefinitions":[{"name":"web","image":"x/web:2"}],`+tt.document+`}`))
			if err != nil {
				t.Fatal(err)
			}
			tt.service.NetworkConfiguration = &types.NetworkConfiguration{AwsvpcConfiguration: &types.AwsVpcConfiguration{Subnets: []string{"own"}}}
			in := oneOff(&Plan{Target: d, Request: Request{RunTask: &tt.task}, Services: []*ServicePlan{{service: tt.service}}}, "web:2").input()
			capacity := ""
			if len(in.CapacityProviderStrategy) > 0 {
				capacity = *in.CapacityProviderStrategy[0].CapacityProvider
			}
			if subnet := in.NetworkConfiguration.AwsvpcConfiguration.Subnets[0]; in.LaunchType != tt.launch || capacity != tt.capacity || subnet != tt.subnet {
				t.Errorf("launch type %q, capacity %q, subnet %q", in.LaunchType, capacity, subnet)
			}
		})
	}
}
