package resource

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
)

const elbService = "elasticloadbalancing"

func createTargetGroup(ctx context.Context, w *World, r *Instance) error {
	properties := r.withTags()
	if properties["Name"] == nil {
		properties["Name"] = r.physicalName(32)
	}
	in := &elb.CreateTargetGroupInput{}
	if err := fill(in, properties); err != nil {
		return err
	}
	out, err := Call[elb.CreateTargetGroupOutput](ctx, w, elbService, "CreateTargetGroup", in)
	if err != nil {
		return err
	}
	g := out.TargetGroups[0]
	r.PhysicalID = aws.ToString(g.TargetGroupArn)
	_, full, _ := strings.Cut(r.PhysicalID, ":targetgroup/")
	r.Attributes = map[string]any{
		"TargetGroupArn": r.PhysicalID, "TargetGroupName": aws.ToString(g.TargetGroupName),
		"TargetGroupFullName": "targetgroup/" + full,
	}
	if r.Properties["TargetGroupAttributes"] == nil {
		return nil
	}
	change := &elb.ModifyTargetGroupAttributesInput{TargetGroupArn: &r.PhysicalID}
	if err := fill(change, map[string]any{"Attributes": r.Properties["TargetGroupAttributes"]}); err != nil {
		return err
	}
	_, err = Call[elb.ModifyTargetGroupAttributesOutput](ctx, w, elbService, "ModifyTargetGroupAttributes", change)
	return err
}

func removeTargetGroup(ctx context.Context, w *World, r *Instance, _ string) error {
	_, err := Call[elb.DeleteTargetGroupOutput](ctx, w, elbService, "DeleteTargetGroup",
		&elb.DeleteTargetGroupInput{TargetGroupArn: &r.PhysicalID})
	return err
}

func createRule(ctx context.Context, w *World, r *Instance) error {
	in := &elb.CreateRuleInput{}
	if err := fill(in, r.withTags()); err != nil {
		return err
	}
	out, err := Call[elb.CreateRuleOutput](ctx, w, elbService, "CreateRule", in)
	if err != nil {
		return err
	}
	r.PhysicalID = aws.ToString(out.Rules[0].RuleArn)
	r.Attributes = map[string]any{"RuleArn": r.PhysicalID, "IsDefault": "false"}
	return nil
}

func removeRule(ctx context.Context, w *World, r *Instance, _ string) error {
	_, err := Call[elb.DeleteRuleOutput](ctx, w, elbService, "DeleteRule", &elb.DeleteRuleInput{RuleArn: &r.PhysicalID})
	return err
}

func createBalancer(ctx context.Context, w *World, r *Instance) error {
	properties := r.withTags()
	if properties["Name"] == nil {
		properties["Name"] = r.physicalName(32)
	}
	in := &elb.CreateLoadBalancerInput{}
	if err := fill(in, properties); err != nil {
		return err
	}
	out, err := Call[elb.CreateLoadBalancerOutput](ctx, w, elbService, "CreateLoadBalancer", in)
	if err != nil {
		return err
	}
	b := out.LoadBalancers[0]
	r.PhysicalID = aws.ToString(b.LoadBalancerArn)
	_, full, _ := strings.Cut(r.PhysicalID, ":loadbalancer/")
	r.Attributes = map[string]any{
		"LoadBalancerArn": r.PhysicalID, "DNSName": aws.ToString(b.DNSName),
		"LoadBalancerName":     aws.ToString(b.LoadBalancerName),
		"LoadBalancerFullName": full, "CanonicalHostedZoneID": aws.ToString(b.CanonicalHostedZoneId),
	}
	return nil
}

func removeBalancer(ctx context.Context, w *World, r *Instance, _ string) error {
	_, err := Call[elb.DeleteLoadBalancerOutput](ctx, w, elbService, "DeleteLoadBalancer",
		&elb.DeleteLoadBalancerInput{LoadBalancerArn: &r.PhysicalID})
	return err
}

func createListener(ctx context.Context, w *World, r *Instance) error {
	in := &elb.CreateListenerInput{}
	if err := fill(in, r.withTags()); err != nil {
		return err
	}
	out, err := Call[elb.CreateListenerOutput](ctx, w, elbService, "CreateListener", in)
	if err != nil {
		return err
	}
	r.PhysicalID = aws.ToString(out.Listeners[0].ListenerArn)
	r.Attributes = map[string]any{"ListenerArn": r.PhysicalID}
	return nil
}

func removeListener(ctx context.Context, w *World, r *Instance, _ string) error {
	_, err := Call[elb.DeleteListenerOutput](ctx, w, elbService, "DeleteListener",
		&elb.DeleteListenerInput{ListenerArn: &r.PhysicalID})
	return err
}
