package contract

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
)

const (
	ofECS        = types.ServiceNamespaceEcs
	desiredCount = types.ScalableDimensionECSServiceDesiredCount
)

// https://docs.aws.amazon.com/autoscaling/application/APIReference/
var scaling = []contract{
	{"application-autoscaling", "targets, policies, scheduled actions", func(r *run) {
		c := applicationautoscaling.NewFromConfig(r.cfg)
		serviceToScale(r)
		resource := aws.String("service/scaled/web")
		policy := &applicationautoscaling.PutScalingPolicyInput{PolicyName: aws.String("cpu"), ServiceNamespace: ofECS,
			ScalableDimension: desiredCount, ResourceId: resource, PolicyType: types.PolicyTypeTargetTrackingScaling,
			TargetTrackingScalingPolicyConfiguration: &types.TargetTrackingScalingPolicyConfiguration{TargetValue: aws.Float64(60),
				PredefinedMetricSpecification: &types.PredefinedMetricSpecification{
					PredefinedMetricType: types.MetricTypeECSServiceAverageCPUUtilization}}}
		_, err := c.PutScalingPolicy(r, policy)
		r.fails("a policy without target", err, "ObjectNotFoundException")
		_, err = c.RegisterScalableTarget(r, &applicationautoscaling.RegisterScalableTargetInput{ServiceNamespace: ofECS,
			ScalableDimension: desiredCount, ResourceId: resource, MinCapacity: aws.Int32(1), MaxCapacity: aws.Int32(4)})
		r.ok("register", err)
		_, err = c.RegisterScalableTarget(r, &applicationautoscaling.RegisterScalableTargetInput{ServiceNamespace: ofECS,
			ScalableDimension: desiredCount, ResourceId: resource, MaxCapacity: aws.Int32(6)})
		r.ok("change the maximum", err)
		targets, err := c.DescribeScalableTargets(r, &applicationautoscaling.DescribeScalableTargetsInput{ServiceNamespace: ofECS,
			ResourceIds: []string{*resource}})
		if r.ok("describe targets", err) && len(targets.ScalableTargets) == 1 {
			r.equal("minimum", targets.ScalableTargets[0].MinCapacity, 1)
			r.equal("maximum", targets.ScalableTargets[0].MaxCapacity, 6)
		}
		made, err := c.PutScalingPolicy(r, policy)
		if r.ok("policy", err) {
			r.equal("alarms", len(made.Alarms), 2)
		}
		policies, err := c.DescribeScalingPolicies(r, &applicationautoscaling.DescribeScalingPoliciesInput{ServiceNamespace: ofECS,
			ResourceId: resource})
		if r.ok("describe policies", err) {
			r.equal("policies", len(policies.ScalingPolicies), 1)
		}
		holdScheduledAction(r, c, resource)
		_, err = c.DeleteScalingPolicy(r, &applicationautoscaling.DeleteScalingPolicyInput{PolicyName: aws.String("cpu"),
			ServiceNamespace: ofECS, ScalableDimension: desiredCount, ResourceId: resource})
		r.ok("delete the policy", err)
		_, err = c.DeregisterScalableTarget(r, &applicationautoscaling.DeregisterScalableTargetInput{ServiceNamespace: ofECS,
			ScalableDimension: desiredCount, ResourceId: resource})
		r.ok("deregister", err)
		_, err = c.DeregisterScalableTarget(r, &applicationautoscaling.DeregisterScalableTargetInput{ServiceNamespace: ofECS,
			ScalableDimension: desiredCount, ResourceId: resource})
		r.fails("deregister twice", err, "ObjectNotFoundException")
	}},
	{"application-autoscaling", "tags", func(r *run) {
		c := applicationautoscaling.NewFromConfig(r.cfg)
		serviceToScale(r)
		made, err := c.RegisterScalableTarget(r, &applicationautoscaling.RegisterScalableTargetInput{ServiceNamespace: ofECS,
			ScalableDimension: desiredCount, ResourceId: aws.String("service/scaled/web"), MinCapacity: aws.Int32(1),
			MaxCapacity: aws.Int32(2), Tags: map[string]string{"a": "1"}})
		if !r.ok("register", err) {
			return
		}
		_, err = c.TagResource(r, &applicationautoscaling.TagResourceInput{ResourceARN: made.ScalableTargetARN,
			Tags: map[string]string{"b": "2"}})
		r.ok("tag", err)
		_, err = c.UntagResource(r, &applicationautoscaling.UntagResourceInput{ResourceARN: made.ScalableTargetARN, TagKeys: []string{"a"}})
		r.ok("untag", err)
		tags, err := c.ListTagsForResource(r, &applicationautoscaling.ListTagsForResourceInput{ResourceARN: made.ScalableTargetARN})
		if r.ok("list tags", err) {
			r.equal("tags", tags.Tags, map[string]string{"b": "2"})
		}
	}},
}

func holdScheduledAction(r *run, c *applicationautoscaling.Client, resource *string) {
	in := &applicationautoscaling.PutScheduledActionInput{ServiceNamespace: ofECS, ScalableDimension: desiredCount,
		ResourceId: resource, ScheduledActionName: aws.String("night"), Schedule: aws.String("cron(0 18 ? * MON-FRI *)"),
		Timezone:             aws.String("Africa/Lagos"),
		ScalableTargetAction: &types.ScalableTargetAction{MinCapacity: aws.Int32(0), MaxCapacity: aws.Int32(0)}}
	_, err := c.PutScheduledAction(r, in)
	r.ok("scheduled action", err)
	found, err := c.DescribeScheduledActions(r, &applicationautoscaling.DescribeScheduledActionsInput{ServiceNamespace: ofECS,
		ResourceId: resource})
	if r.ok("describe scheduled actions", err) && len(found.ScheduledActions) == 1 {
		r.equal("zone", found.ScheduledActions[0].Timezone, "Africa/Lagos")
	}
	_, err = c.DeleteScheduledAction(r, &applicationautoscaling.DeleteScheduledActionInput{ServiceNamespace: ofECS,
		ScalableDimension: desiredCount, ResourceId: resource, ScheduledActionName: in.ScheduledActionName})
	r.ok("delete the scheduled action", err)
}

// serviceToScale is what moto wants to be there; it need not run. Whether it is there already does not matter.
func serviceToScale(r *run) {
	c := ecs.NewFromConfig(r.cfg)
	_, _ = c.CreateCluster(r, &ecs.CreateClusterInput{ClusterName: aws.String("scaled")})
	_, _ = c.CreateService(r, &ecs.CreateServiceInput{Cluster: aws.String("scaled"), ServiceName: aws.String("web"),
		DesiredCount: aws.Int32(0)})
}
