package contract

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

func forward(group *string) []types.Action {
	return []types.Action{{Type: types.ActionTypeEnumForward, TargetGroupArn: group}}
}

func (r *run) targetGroup(c *elb.Client, name string) *string {
	out, err := c.CreateTargetGroup(r, &elb.CreateTargetGroupInput{Name: &name, Port: aws.Int32(80), Protocol: types.ProtocolEnumHttp,
		TargetType: types.TargetTypeEnumIp, VpcId: &r.vpc})
	if !r.ok("create target group "+name, err) {
		return nil
	}
	return out.TargetGroups[0].TargetGroupArn
}

// https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/
var balancers = []contract{
	{"elasticloadbalancing", "target groups and targets", func(r *run) {
		c := elb.NewFromConfig(r.cfg)
		group := r.targetGroup(c, "blue")
		if group == nil {
			return
		}
		found, err := c.DescribeTargetGroups(r, &elb.DescribeTargetGroupsInput{Names: []string{"blue"}})
		if r.ok("describe", err) {
			r.equal("interval", found.TargetGroups[0].HealthCheckIntervalSeconds, 30)
			r.equal("path", found.TargetGroups[0].HealthCheckPath, "/")
		}
		_, err = c.ModifyTargetGroup(r, &elb.ModifyTargetGroupInput{TargetGroupArn: group, HealthCheckPath: aws.String("/healthz")})
		r.ok("modify", err)
		_, err = c.ModifyTargetGroupAttributes(r, &elb.ModifyTargetGroupAttributesInput{TargetGroupArn: group,
			Attributes: []types.TargetGroupAttribute{{Key: aws.String("deregistration_delay.timeout_seconds"), Value: aws.String("5")}}})
		r.ok("modify attributes", err)
		_, err = c.DescribeTargetGroupAttributes(r, &elb.DescribeTargetGroupAttributesInput{TargetGroupArn: group})
		r.ok("describe attributes", err)
		targets := []types.TargetDescription{{Id: aws.String("127.0.0.1"), Port: aws.Int32(1)}}
		_, err = c.RegisterTargets(r, &elb.RegisterTargetsInput{TargetGroupArn: group, Targets: targets})
		r.ok("register", err)
		health, err := c.DescribeTargetHealth(r, &elb.DescribeTargetHealthInput{TargetGroupArn: group})
		if r.ok("health", err) {
			r.equal("targets", len(health.TargetHealthDescriptions), 1)
		}
		_, err = c.DeregisterTargets(r, &elb.DeregisterTargetsInput{TargetGroupArn: group, Targets: targets})
		r.ok("deregister", err)
		_, err = c.DeleteTargetGroup(r, &elb.DeleteTargetGroupInput{TargetGroupArn: group})
		r.ok("delete", err)
		_, err = c.DescribeTargetGroups(r, &elb.DescribeTargetGroupsInput{Names: []string{"blue"}})
		r.fails("describe what is gone", err, "TargetGroupNotFound")
	}},
	{"elasticloadbalancing", "load balancers, listeners, rules, tags", func(r *run) {
		c := elb.NewFromConfig(r.cfg)
		group, other := r.targetGroup(c, "one"), r.targetGroup(c, "two")
		made, err := c.CreateLoadBalancer(r, &elb.CreateLoadBalancerInput{Name: aws.String("web"), Subnets: r.subnets,
			Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("1")}}})
		if !r.ok("create", err) {
			return
		}
		balancer := made.LoadBalancers[0].LoadBalancerArn
		listeners, err := c.CreateListener(r, &elb.CreateListenerInput{LoadBalancerArn: balancer, Port: aws.Int32(80),
			Protocol: types.ProtocolEnumHttp, DefaultActions: forward(group)})
		if !r.ok("listen", err) {
			return
		}
		listener := listeners.Listeners[0].ListenerArn
		rules, err := c.CreateRule(r, &elb.CreateRuleInput{ListenerArn: listener, Priority: aws.Int32(10), Actions: forward(other),
			Conditions: []types.RuleCondition{{Field: aws.String("host-header"), HostHeaderConfig: &types.HostHeaderConditionConfig{
				Values: []string{"pr1.example.com"}}}}})
		if r.ok("rule", err) {
			_, err = c.ModifyRule(r, &elb.ModifyRuleInput{RuleArn: rules.Rules[0].RuleArn, Actions: forward(group)})
			r.ok("modify the rule", err)
			all, err := c.DescribeRules(r, &elb.DescribeRulesInput{ListenerArn: listener})
			if r.ok("describe rules", err) {
				r.equal("rules with the default", len(all.Rules), 2)
			}
			_, err = c.DeleteRule(r, &elb.DeleteRuleInput{RuleArn: rules.Rules[0].RuleArn})
			r.ok("delete the rule", err)
		}
		_, err = c.ModifyListener(r, &elb.ModifyListenerInput{ListenerArn: listener, DefaultActions: forward(other)})
		r.ok("modify the listener", err)
		described, err := c.DescribeListeners(r, &elb.DescribeListenersInput{LoadBalancerArn: balancer})
		if r.ok("describe listeners", err) {
			r.equal("listeners", len(described.Listeners), 1)
		}
		_, err = c.AddTags(r, &elb.AddTagsInput{ResourceArns: []string{*balancer}, Tags: []types.Tag{{Key: aws.String("b"), Value: aws.String("2")}}})
		r.ok("tag", err)
		tags, err := c.DescribeTags(r, &elb.DescribeTagsInput{ResourceArns: []string{*balancer}})
		if r.ok("describe tags", err) {
			r.equal("tags", len(tags.TagDescriptions[0].Tags), 2)
		}
		_, err = c.DeleteListener(r, &elb.DeleteListenerInput{ListenerArn: listener})
		r.ok("delete the listener", err)
		_, err = c.DeleteLoadBalancer(r, &elb.DeleteLoadBalancerInput{LoadBalancerArn: balancer})
		r.ok("delete", err)
		_, err = c.DescribeLoadBalancers(r, &elb.DescribeLoadBalancersInput{Names: []string{"web"}})
		r.fails("describe what is gone", err, "LoadBalancerNotFound")
	}},
}
