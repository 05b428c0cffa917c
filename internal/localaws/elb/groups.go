package elb

import (
	"cmp"
	"context"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/org/shipkit/internal/localaws/wire"
)

// group is a target group.
type group struct {
	types.TargetGroup
	attributes map[string]string
	targets    []*target
	next       int // round robin
}

const deregistrationDelay = "deregistration_delay.timeout_seconds"

// CreateTargetGroup makes a target group with AWS's defaults for whatever is not said.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateTargetGroup.html
func (s *Service) CreateTargetGroup(ctx context.Context, in *elb.CreateTargetGroupInput) (*elb.CreateTargetGroupOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, g := range s.groups {
		if *g.TargetGroupName == aws.ToString(in.Name) {
			return nil, wire.Errorf("DuplicateTargetGroupName", http.StatusBadRequest,
				"A target group with the same name '%s' exists, but with different settings", *in.Name)
		}
	}
	g := &group{
		attributes: map[string]string{deregistrationDelay: "300", "stickiness.enabled": "false"},
		TargetGroup: types.TargetGroup{
			TargetGroupArn:  aws.String(arn(ctx, "targetgroup/%s/%s", aws.ToString(in.Name), newID())),
			TargetGroupName: in.Name, Port: in.Port, VpcId: in.VpcId, IpAddressType: types.TargetGroupIpAddressTypeEnumIpv4,
			Protocol:                   cmp.Or(in.Protocol, types.ProtocolEnumHttp),
			ProtocolVersion:            aws.String(cmp.Or(aws.ToString(in.ProtocolVersion), "HTTP1")),
			TargetType:                 cmp.Or(in.TargetType, types.TargetTypeEnumInstance),
			HealthCheckEnabled:         aws.Bool(in.HealthCheckEnabled == nil || *in.HealthCheckEnabled),
			HealthCheckIntervalSeconds: aws.Int32(cmp.Or(aws.ToInt32(in.HealthCheckIntervalSeconds), 30)),
			HealthCheckPath:            aws.String(cmp.Or(aws.ToString(in.HealthCheckPath), "/")),
			HealthCheckPort:            aws.String(cmp.Or(aws.ToString(in.HealthCheckPort), "traffic-port")),
			HealthCheckProtocol:        cmp.Or(in.HealthCheckProtocol, types.ProtocolEnumHttp),
			HealthCheckTimeoutSeconds:  aws.Int32(cmp.Or(aws.ToInt32(in.HealthCheckTimeoutSeconds), 5)),
			HealthyThresholdCount:      aws.Int32(cmp.Or(aws.ToInt32(in.HealthyThresholdCount), 5)),
			UnhealthyThresholdCount:    aws.Int32(cmp.Or(aws.ToInt32(in.UnhealthyThresholdCount), 2)),
			Matcher:                    in.Matcher,
		},
	}
	if g.Matcher == nil || g.Matcher.HttpCode == nil {
		g.Matcher = &types.Matcher{HttpCode: aws.String("200")}
	}
	s.groups[*g.TargetGroupArn] = g
	s.tag(*g.TargetGroupArn, in.Tags)
	return &elb.CreateTargetGroupOutput{TargetGroups: []types.TargetGroup{s.describe(g)}}, nil
}

// describe adds the load balancers that forward to the group; the caller holds the lock.
func (s *Service) describe(g *group) types.TargetGroup {
	d := g.TargetGroup
	d.LoadBalancerArns = []string{}
	for _, key := range sorted(s.listeners) {
		l := s.listeners[key]
		if l.uses(*g.TargetGroupArn) && !slices.Contains(d.LoadBalancerArns, *l.LoadBalancerArn) {
			d.LoadBalancerArns = append(d.LoadBalancerArns, *l.LoadBalancerArn)
		}
	}
	return d
}

// DescribeTargetGroups lists target groups by ARN, by name, by load balancer, or all.
func (s *Service) DescribeTargetGroups(
	_ context.Context, in *elb.DescribeTargetGroupsInput,
) (*elb.DescribeTargetGroupsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := &elb.DescribeTargetGroupsOutput{TargetGroups: []types.TargetGroup{}}
	for _, key := range sorted(s.groups) {
		d := s.describe(s.groups[key])
		of := in.LoadBalancerArn == nil || slices.Contains(d.LoadBalancerArns, *in.LoadBalancerArn)
		if of && wanted(in.TargetGroupArns, key) && wanted(in.Names, *d.TargetGroupName) {
			out.TargetGroups = append(out.TargetGroups, d)
		}
	}
	if len(in.TargetGroupArns)+len(in.Names) > len(out.TargetGroups) {
		return nil, notFound("TargetGroup", "")
	}
	return out, nil
}

// ModifyTargetGroup changes the health check.
func (s *Service) ModifyTargetGroup(_ context.Context, in *elb.ModifyTargetGroupInput) (*elb.ModifyTargetGroupOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.groups[aws.ToString(in.TargetGroupArn)]
	if g == nil {
		return nil, notFound("TargetGroup", "")
	}
	set(&g.HealthCheckEnabled, in.HealthCheckEnabled)
	set(&g.HealthCheckIntervalSeconds, in.HealthCheckIntervalSeconds)
	set(&g.HealthCheckPath, in.HealthCheckPath)
	set(&g.HealthCheckPort, in.HealthCheckPort)
	set(&g.HealthCheckTimeoutSeconds, in.HealthCheckTimeoutSeconds)
	set(&g.HealthyThresholdCount, in.HealthyThresholdCount)
	set(&g.UnhealthyThresholdCount, in.UnhealthyThresholdCount)
	set(&g.Matcher, in.Matcher)
	return &elb.ModifyTargetGroupOutput{TargetGroups: []types.TargetGroup{s.describe(g)}}, nil
}

func set[T any](to **T, from *T) {
	if from != nil {
		*to = from
	}
}

// DeleteTargetGroup removes a group that no listener uses.
func (s *Service) DeleteTargetGroup(_ context.Context, in *elb.DeleteTargetGroupInput) (*elb.DeleteTargetGroupOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.groups[aws.ToString(in.TargetGroupArn)]
	if g == nil {
		return &elb.DeleteTargetGroupOutput{}, nil
	}
	if len(s.describe(g).LoadBalancerArns) > 0 {
		return nil, wire.Errorf("ResourceInUse", http.StatusBadRequest,
			"Target group '%s' is currently in use by a listener or a rule", *in.TargetGroupArn)
	}
	for _, t := range g.targets {
		t.stop()
	}
	delete(s.groups, *in.TargetGroupArn)
	return &elb.DeleteTargetGroupOutput{}, nil
}

// DescribeTargetGroupAttributes lists a group's attributes.
func (s *Service) DescribeTargetGroupAttributes(
	_ context.Context, in *elb.DescribeTargetGroupAttributesInput,
) (*elb.DescribeTargetGroupAttributesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.groups[aws.ToString(in.TargetGroupArn)]
	if g == nil {
		return nil, notFound("TargetGroup", "")
	}
	return &elb.DescribeTargetGroupAttributesOutput{Attributes: g.listAttributes()}, nil
}

// ModifyTargetGroupAttributes sets attributes; of them local AWS obeys deregistration_delay.timeout_seconds.
func (s *Service) ModifyTargetGroupAttributes(
	_ context.Context, in *elb.ModifyTargetGroupAttributesInput,
) (*elb.ModifyTargetGroupAttributesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.groups[aws.ToString(in.TargetGroupArn)]
	if g == nil {
		return nil, notFound("TargetGroup", "")
	}
	for _, a := range in.Attributes {
		if n, err := strconv.Atoi(aws.ToString(a.Value)); *a.Key == deregistrationDelay && (err != nil || n < 0 || n > 3600) {
			return nil, invalid("'%s' must be a number of seconds between 0 and 3600", deregistrationDelay)
		}
		g.attributes[*a.Key] = aws.ToString(a.Value)
	}
	return &elb.ModifyTargetGroupAttributesOutput{Attributes: g.listAttributes()}, nil
}

func (g *group) listAttributes() []types.TargetGroupAttribute {
	var list []types.TargetGroupAttribute
	for _, key := range sorted(g.attributes) {
		list = append(list, types.TargetGroupAttribute{Key: aws.String(key), Value: aws.String(g.attributes[key])})
	}
	return list
}

// delay is how long a deregistered target may finish its requests.
func (g *group) delay() time.Duration {
	n, _ := strconv.Atoi(g.attributes[deregistrationDelay]) // checked when it was set
	return time.Duration(n) * time.Second
}

// wanted reports whether a filter lets a name pass; an empty filter lets all.
func wanted(filter []string, name string) bool {
	return len(filter) == 0 || slices.Contains(filter, name)
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
