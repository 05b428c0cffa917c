package ecs_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsecs "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// TestRestart stops local AWS in the middle of a deployment: the service goes on with what served last.
func TestRestart(t *testing.T) {
	var saved []byte
	var last types.Service
	in(t, []string{"v1", "v2", "v3"}, func(w *world) {
		w.create(behind)
		w.deploy(2)
		w.await(types.ServiceDeploymentStatusSuccessful)
		last = w.service()
		w.deploy(3)
		time.Sleep(2 * time.Second)
		saved = must(w.Save())
		if again := must(w.Save()); string(again) != string(saved) {
			t.Error("two states of one moment differ")
		}
	})
	in(t, nil, func(w *world) {
		if err := w.Load(saved); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Minute)
		same(t, w.images(), map[string]int{"v2": 2})
		svc := w.service()
		if *svc.Deployments[0].Id != *last.Deployments[0].Id || *svc.TaskDefinition != *last.TaskDefinition {
			t.Errorf("primary %s of %s", *svc.Deployments[0].Id, *svc.TaskDefinition)
		}
		list := must(w.ListServiceDeployments(w.t.Context(), &awsecs.ListServiceDeploymentsInput{
			Cluster: aws.String("shop"), Service: aws.String("web"),
		})).ServiceDeployments
		if len(list) != 3 || list[0].Status != types.ServiceDeploymentStatusStopped || list[1].Status != types.ServiceDeploymentStatusSuccessful {
			t.Errorf("service deployments %+v", list)
		}
		w.deploy(3)
		w.await(types.ServiceDeploymentStatusSuccessful)
		same(t, w.images(), map[string]int{"v3": 2})
	})
}
