package deployecs_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	autoscaling "github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	astypes "github.com/aws/aws-sdk-go-v2/service/applicationautoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"

	"github.com/org/shipkit/internal/awstest/image"
	"github.com/org/shipkit/internal/localaws/fault"
)

// Whatever AWS and the link do, a good revision is deployed once and serves.
func TestFaults(t *testing.T) {
	w := newWorld(t, 20)
	w.run(nil)
	for _, tt := range []struct {
		name string
		rule fault.Rule
		log  string
	}{
		{"lost answer of the update", fault.Rule{Service: "ecs", Operation: "UpdateService", Nth: 1, Effect: fault.DropAfter}, ""},
		{"lost answer of the registration", fault.Rule{Service: "ecs", Operation: "RegisterTaskDefinition", Nth: 1, Effect: fault.DropAfter}, ""},
		{"throttled looks", fault.Rule{Service: "ecs", Operation: "Describe*", Times: 2, Effect: fault.Throttle}, ""},
		{"server errors", fault.Rule{Service: "ecs", Times: 2, Effect: fault.ServerError}, ""},
		{"stale lists", fault.Rule{Service: "ecs", Operation: "ListServiceDeployments", Effect: fault.Stale, For: 20 * time.Second}, ""},
		{"no permission to list deployments", fault.Rule{Service: "ecs", Operation: "ListServiceDeployments", Effect: fault.Deny}, "lacks ecs:ListServiceDeployments on arn:aws:ecs:"},
		{"no permission to read deployments", fault.Rule{Service: "ecs", Operation: "DescribeServiceDeployments", Effect: fault.Deny}, "lacks ecs:DescribeServiceDeployments on arn:aws:ecs:"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tag := "t" + time.Now().Format("150405000")
			ref := w.push(tag, image.Web{})
			remove := w.aws.Faults.Add(tt.rule)
			got := w.step(t.Context(), map[string]string{"images": "web=" + ref})
			remove()
			outputs(t, got, 0, map[string]string{"deployment-status": "succeeded"})
			wants(t, got.Log, tt.log)
			if w.version() != tag {
				t.Errorf("%s serves", w.version())
			}
		})
	}
}

// Several services get one revision, all or none, and each its scaling.
func TestServicesTogether(t *testing.T) {
	w := newWorld(t, 20)
	w.run(nil)
	must(w.ecs.CreateService(t.Context(), &ecs.CreateServiceInput{
		Cluster: aws.String("shop"), ServiceName: aws.String("worker"), TaskDefinition: aws.String("web"), DesiredCount: aws.Int32(1),
		NetworkConfiguration: network(),
	}))(t)
	w.until("the worker runs", func() bool { return w.running([]string{"worker"}) == 1 })
	got := w.step(t.Context(), map[string]string{
		"services": "worker", "images": "web=" + w.push("v2", image.Web{}), "min-capacity": "1", "max-capacity": "4", "target-cpu": "60",
	})
	outputs(t, got, 0, map[string]string{"deployment-status": "succeeded"})
	registered, scaled := 0, 0
	for _, call := range w.aws.Calls() {
		switch call.Operation {
		case "PutScalingPolicy":
			scaled++
		case "RegisterTaskDefinition":
			registered++
		}
	}
	if registered != 2 || scaled != 2 {
		t.Errorf("%d registrations (one is the test's), %d scaling policies", registered, scaled)
	}
	for _, name := range []string{"web", "worker"} {
		targets := must(autoscaling.NewFromConfig(w.aws.Config()).DescribeScalableTargets(t.Context(), &autoscaling.DescribeScalableTargetsInput{
			ServiceNamespace: astypes.ServiceNamespaceEcs, ResourceIds: []string{"service/shop/" + name},
		}))(t).ScalableTargets
		if len(targets) != 1 || *targets[0].MinCapacity != 1 || *targets[0].MaxCapacity != 4 {
			t.Errorf("scaling of %s: %+v", name, targets)
		}
	}
	again := w.step(t.Context(), map[string]string{"services": "worker", "min-capacity": "1", "max-capacity": "4", "target-cpu": "60", "pin-images": "false"})
	outputs(t, again, 0, map[string]string{"deployment-status": "unchanged", "changed": "false"})
	// The worker takes the revision, the load balancer of web does not.
	bad := w.step(t.Context(), map[string]string{"services": "worker", "images": "web=" + w.push("bad", image.Web{Mode: "unhealthy"})})
	outputs(t, bad, 1, map[string]string{"rolled-back": "true", "deployment-status": "failed"})
	wants(t, bad.Summary, "web: web:2 serves again; web:3 failed: ", "no healthy answer", "worker: web:2 serves again; web:3 was rolled back by this step: another service of this deployment failed")
	out := must(w.ecs.DescribeServices(t.Context(), &ecs.DescribeServicesInput{Cluster: aws.String("shop"), Services: []string{"web", "worker"}}))(t)
	for _, service := range out.Services {
		if !strings.HasSuffix(*service.TaskDefinition, "/web:2") {
			t.Errorf("service %s runs %s", *service.ServiceName, *service.TaskDefinition)
		}
	}
}
