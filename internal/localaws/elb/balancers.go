package elb

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/org/shipkit/internal/localaws/ec2"
	"github.com/org/shipkit/internal/localaws/wire"
)

// balancer is a load balancer. Its socket waits for the first listener, so that the DNS name is known from the start.
type balancer struct {
	types.LoadBalancer
	socket net.Listener // nil once a listener has it
}

func (b *balancer) close() error {
	if b.socket == nil {
		return nil
	}
	if err := b.socket.Close(); err != nil {
		return fmt.Errorf("close the load balancer %s: %w", *b.LoadBalancerName, err)
	}
	return nil
}

// CreateLoadBalancer makes an application load balancer.
func (s *Service) CreateLoadBalancer(ctx context.Context, in *elb.CreateLoadBalancerInput) (*elb.CreateLoadBalancerOutput, error) {
	if in.Type != "" && in.Type != types.LoadBalancerTypeEnumApplication {
		return nil, invalid("local AWS has application load balancers only, not '%s'", in.Type)
	}
	name := aws.ToString(in.Name)
	socket, err := listen(ctx)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range s.balancers {
		if *b.LoadBalancerName == name {
			_ = socket.Close()
			return nil, wire.Errorf("DuplicateLoadBalancerName", http.StatusBadRequest,
				"A load balancer with the same name '%s' exists, but with different settings", name)
		}
	}
	b := &balancer{socket: socket, LoadBalancer: types.LoadBalancer{
		LoadBalancerArn: aws.String(arn(ctx, "loadbalancer/app/%s/%s", name, newID())), LoadBalancerName: aws.String(name),
		DNSName: aws.String(socket.Addr().String()), CanonicalHostedZoneId: aws.String("Z32O12XQLNTSW2"),
		CreatedTime: aws.Time(s.clock.Now()), Scheme: types.LoadBalancerSchemeEnumInternetFacing,
		Type: types.LoadBalancerTypeEnumApplication, State: &types.LoadBalancerState{Code: types.LoadBalancerStateEnumActive},
		IpAddressType: types.IpAddressTypeIpv4, SecurityGroups: in.SecurityGroups, VpcId: aws.String(ec2.VPC),
	}}
	if in.Scheme != "" {
		b.Scheme = in.Scheme
	}
	for i, subnet := range in.Subnets {
		b.AvailabilityZones = append(b.AvailabilityZones, types.AvailabilityZone{
			SubnetId: aws.String(subnet), ZoneName: aws.String(wire.Caller(ctx).Region + string(rune('a'+i%26))),
		})
	}
	s.balancers[*b.LoadBalancerArn] = b
	s.tag(*b.LoadBalancerArn, in.Tags)
	return &elb.CreateLoadBalancerOutput{LoadBalancers: []types.LoadBalancer{b.LoadBalancer}}, nil
}

// listen opens a free loopback port.
func listen(ctx context.Context) (net.Listener, error) { return listenAt(ctx, "127.0.0.1:0") }

// DescribeLoadBalancers lists load balancers by ARN, by name, or all.
func (s *Service) DescribeLoadBalancers(
	_ context.Context, in *elb.DescribeLoadBalancersInput,
) (*elb.DescribeLoadBalancersOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := &elb.DescribeLoadBalancersOutput{LoadBalancers: []types.LoadBalancer{}}
	for _, key := range sorted(s.balancers) {
		b := s.balancers[key]
		if wanted(in.LoadBalancerArns, key) && wanted(in.Names, *b.LoadBalancerName) {
			out.LoadBalancers = append(out.LoadBalancers, b.LoadBalancer)
		}
	}
	if n := len(in.LoadBalancerArns) + len(in.Names); n > len(out.LoadBalancers) {
		return nil, notFound("LoadBalancer", slices.Concat(in.LoadBalancerArns, in.Names)[0])
	}
	return out, nil
}

// DeleteLoadBalancer removes a load balancer with its listeners; one that is gone is no error, as on AWS.
func (s *Service) DeleteLoadBalancer(
	_ context.Context, in *elb.DeleteLoadBalancerInput,
) (*elb.DeleteLoadBalancerOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.balancers[aws.ToString(in.LoadBalancerArn)]
	if b == nil {
		return &elb.DeleteLoadBalancerOutput{}, nil
	}
	for _, key := range sorted(s.listeners) {
		if *s.listeners[key].LoadBalancerArn != *in.LoadBalancerArn {
			continue
		}
		if err := s.listeners[key].close(); err != nil {
			return nil, err
		}
		delete(s.listeners, key)
	}
	delete(s.balancers, *in.LoadBalancerArn)
	return &elb.DeleteLoadBalancerOutput{}, b.close()
}
