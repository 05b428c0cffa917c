package promotesnapshot

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/google/go-cmp/cmp"

	"github.com/org/shipkit/internal/localaws"
	"github.com/org/shipkit/internal/localaws/seed"
	"github.com/org/shipkit/pkg/action/actiontest"
)

// bake is how long both revisions of a blue/green deployment run at least.
const bake = 10 * time.Minute

// shiftTraffic has the service of staging deploy blue/green from now on: a rule
// of its listener moves between two target groups.
func (s *shop) shiftTraffic(t *testing.T) {
	t.Helper()
	balancers, err := s.ELB.DescribeLoadBalancers(t.Context(), &elb.DescribeLoadBalancersInput{Names: []string{staging.String()}})
	if err != nil {
		t.Fatal(err)
	}
	listeners, err := s.ELB.DescribeListeners(t.Context(), &elb.DescribeListenersInput{LoadBalancerArn: balancers.LoadBalancers[0].LoadBalancerArn})
	if err != nil {
		t.Fatal(err)
	}
	blue := listeners.Listeners[0].DefaultActions[0].TargetGroupArn
	green, err := s.ELB.CreateTargetGroup(t.Context(), &elb.CreateTargetGroupInput{
		Name: new(staging.String() + "-green"), Port: new(int32(8080)), Protocol: elbtypes.ProtocolEnumHttp, TargetType: elbtypes.TargetTypeEnumIp,
		VpcId: new(seed.Vpc), HealthCheckPath: new("/healthz"), HealthyThresholdCount: new(int32(2)),
	})
	if err != nil {
		t.Fatal(err)
	}
	rule, err := s.ELB.CreateRule(t.Context(), &elb.CreateRuleInput{
		ListenerArn: listeners.Listeners[0].ListenerArn, Priority: new(int32(1)),
		Conditions: []elbtypes.RuleCondition{{Field: new("path-pattern"), Values: []string{"/*"}}},
		Actions: []elbtypes.Action{{Type: elbtypes.ActionTypeEnumForward, ForwardConfig: &elbtypes.ForwardActionConfig{
			TargetGroups: []elbtypes.TargetGroupTuple{
				{TargetGroupArn: blue, Weight: new(int32(100))}, {TargetGroupArn: green.TargetGroups[0].TargetGroupArn, Weight: new(int32(0))},
			},
		}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.ECS.UpdateService(t.Context(), &ecs.UpdateServiceInput{
		Cluster: new(staging.String()), Service: new(seed.Service),
		DeploymentConfiguration: &ecstypes.DeploymentConfiguration{
			Strategy: ecstypes.DeploymentStrategyBlueGreen, BakeTimeInMinutes: new(int32(bake.Minutes())),
		},
		LoadBalancers: []ecstypes.LoadBalancer{{
			TargetGroupArn: blue, ContainerName: new(seed.Service), ContainerPort: new(int32(8080)),
			AdvancedConfiguration: &ecstypes.AdvancedConfiguration{
				AlternateTargetGroupArn: green.TargetGroups[0].TargetGroupArn, ProductionListenerRule: rule.Rules[0].RuleArn,
				RoleArn: new("arn:aws:iam::111122223333:role/ecsInfrastructureRole"),
			},
		}},
	}); err != nil {
		t.Fatal(err)
	}
	s.deployed(t, ecstypes.ServiceDeploymentStatusSuccessful)
}

// deployment is the service's newest.
func (s *shop) deployment(t *testing.T) ecstypes.ServiceDeployment {
	t.Helper()
	list, err := s.ECS.ListServiceDeployments(t.Context(), &ecs.ListServiceDeploymentsInput{Cluster: new(staging.String()), Service: new(seed.Service)})
	if err != nil {
		t.Fatal(err)
	}
	out, err := s.ECS.DescribeServiceDeployments(t.Context(), &ecs.DescribeServiceDeploymentsInput{
		ServiceDeploymentArns: []string{*list.ServiceDeployments[0].ServiceDeploymentArn},
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.ServiceDeployments[0]
}

// deployed waits until the service's newest deployment has ended so.
func (s *shop) deployed(t *testing.T, status ecstypes.ServiceDeploymentStatus) {
	t.Helper()
	for range 1000 {
		if s.deployment(t).Status == status {
			return
		}
		if err := s.Clock.Sleep(t.Context(), 10*time.Second); err != nil {
			t.Fatal(err)
		}
	}
	t.Fatalf("the deployment is %s", s.deployment(t).Status)
}

// forwards holds that the reader saw one change from old to fresh: once fresh
// is answered, old is not.
func forwards(t *testing.T, answers []answer, old, fresh string) {
	t.Helper()
	changed := time.Time{}
	for _, a := range answers {
		switch {
		case a.rows == fresh && changed.IsZero():
			changed = a.got
		case a.rows == old && !changed.IsZero() && a.asked.After(changed):
			t.Fatalf("%q is answered after %q", old, fresh)
		}
	}
}

// A service that deploys blue/green: the pointer moves when its deployment has
// succeeded, which is after the bake time; the traffic changes at once, and
// until then only old rows are read. A deployment that goes back while it bakes
// takes the promotion with it.
func TestPromotionOfABlueGreenService(t *testing.T) {
	s := openShop(t, localaws.Options{Factor: 300, Engine: localaws.Process})
	const three, four, five = "Ẹ káàbọ̀, Sannu da zuwa, Nnọọ", "Ẹ káàbọ̀, Sannu da zuwa, Nnọọ, Welcome", "Ẹ káàbọ̀, Sannu da zuwa, Nnọọ, Welcome, Karibu"
	s.step(t, nil)
	s.shiftTraffic(t)
	s.execute(t, "INSERT INTO greetings VALUES (4, 'Welcome')")
	s.watched(t, "blue/green", three, four, nil)
	forwards(t, s.seen, three, four)
	deployment := s.deployment(t)
	moved := time.Time{}
	for _, call := range s.calls("PutParameter") {
		if strings.HasSuffix(call.Resource, "/active") {
			moved = call.At
		}
	}
	if shifted := s.calls("UpdateService")[0].At; deployment.Status != ecstypes.ServiceDeploymentStatusSuccessful || moved.Before(*deployment.FinishedAt) ||
		deployment.FinishedAt.Sub(shifted) < bake {
		t.Errorf("the pointer moved at %s, the deployment began at %s and ended at %s as %s", moved, shifted, deployment.FinishedAt, deployment.Status)
	}

	before, serving := s.things(t), s.active(t)
	s.execute(t, "INSERT INTO greetings VALUES (5, 'Karibu')")
	stop := s.read()
	failed := s.whileItBakes(t, five, func(d ecstypes.ServiceDeployment) {
		if s.active(t) != serving {
			t.Error("the pointer moves while the deployment bakes")
		}
		if _, err := s.ECS.StopServiceDeployment(t.Context(), &ecs.StopServiceDeploymentInput{
			ServiceDeploymentArn: d.ServiceDeploymentArn, StopType: ecstypes.StopServiceDeploymentStopTypeRollback,
		}); err != nil {
			t.Error(err)
		}
	})
	for _, a := range stop() {
		if a.err != nil || a.rows != four && a.rows != five {
			t.Errorf("while a deployment went back the reader saw %q, %v", a.rows, a.err)
		}
	}
	if failed.ExitCode != 1 || failed.Outputs["phase"] != "undone" || failed.Outputs["timestamp"] != serving {
		t.Errorf("a deployment that goes back: %+v", failed)
	}
	if diff := cmp.Diff(before, s.things(t)); diff != "" {
		t.Errorf("a deployment that goes back leaves (-before +after):\n%s", diff)
	}
	if rows, err := ask(t.Context(), s.url); err != nil || rows != four {
		t.Errorf("after it %q is answered, %v", rows, err)
	}
}

// whileItBakes promotes, and does something as soon as fresh rows are answered.
func (s *shop) whileItBakes(t *testing.T, fresh string, then func(ecstypes.ServiceDeployment)) actiontest.Result {
	t.Helper()
	ended, done := context.WithCancelCause(t.Context())
	var result actiontest.Result
	go func() {
		result = s.run(t.Context(), t, nil)
		done(errEnded)
	}()
	for ended.Err() == nil {
		if rows, err := ask(ended, s.url); err == nil && rows == fresh {
			then(s.deployment(t))
			break
		}
	}
	<-ended.Done()
	return result
}

var errEnded = errors.New("the run has ended")
