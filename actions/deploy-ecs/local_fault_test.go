package deployecs_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
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
		{"server errors", fault.Rule{Service: "ecs", Times: 3, Effect: fault.ServerError}, ""},
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

// Several services get one revision, all or none, and their scaling.
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
	again := w.step(t.Context(), map[string]string{"services": "worker", "min-capacity": "1", "max-capacity": "4", "target-cpu": "60", "pin-images": "false"})
	outputs(t, again, 0, map[string]string{"deployment-status": "unchanged", "changed": "false"})
}
