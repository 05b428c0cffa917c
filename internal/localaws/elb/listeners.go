package elb

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/org/shipkit/internal/localaws/wire"
)

// listener is a listener with its rules, the default rule last, and the proxy that serves it.
type listener struct {
	types.Listener
	rules  []*rule
	socket net.Listener
	server *http.Server
}

func (l *listener) close() error {
	if err := l.server.Close(); err != nil {
		return fmt.Errorf("close the listener %s: %w", *l.ListenerArn, err)
	}
	return nil
}

// uses reports whether a rule of the listener names the target group, with whatever weight.
func (l *listener) uses(group string) bool {
	return slices.ContainsFunc(l.rules, func(r *rule) bool { return slices.Contains(r.groups(), group) })
}

// ListenerURL is where a listener is reached, or empty.
func (s *Service) ListenerURL(listenerARN string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := s.listeners[listenerARN]; l != nil {
		return "http://" + l.socket.Addr().String()
	}
	return ""
}

// CreateListener opens a port that forwards by rules.
func (s *Service) CreateListener(ctx context.Context, in *elb.CreateListenerInput) (*elb.CreateListenerOutput, error) {
	if err := s.checkActions(in.DefaultActions); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.balancers[aws.ToString(in.LoadBalancerArn)]
	if b == nil {
		return nil, notFound("LoadBalancer", aws.ToString(in.LoadBalancerArn))
	}
	for _, l := range s.listeners {
		if *l.LoadBalancerArn == *in.LoadBalancerArn && *l.Port == aws.ToInt32(in.Port) {
			return nil, wire.Errorf("DuplicateListener", http.StatusBadRequest, "A listener already exists on this port for this load balancer '%s'", *in.LoadBalancerArn)
		}
	}
	socket := b.socket
	b.socket = nil
	if socket == nil {
		var err error
		if socket, err = listen(ctx); err != nil {
			return nil, err
		}
	}
	_, path, _ := strings.Cut(*in.LoadBalancerArn, "loadbalancer/")
	id := fmt.Sprintf("%s/%s", path, newID())
	l := &listener{Listener: types.Listener{
		ListenerArn: aws.String(arn(ctx, "listener/%s", id)), LoadBalancerArn: in.LoadBalancerArn,
		Port: in.Port, Protocol: in.Protocol, DefaultActions: in.DefaultActions, Certificates: in.Certificates, SslPolicy: in.SslPolicy,
	}}
	l.rules = []*rule{{Rule: types.Rule{
		RuleArn: aws.String(arn(ctx, "listener-rule/%s/%s", id, newID())), IsDefault: aws.Bool(true),
		Priority: aws.String("default"), Actions: in.DefaultActions, Conditions: []types.RuleCondition{},
	}}}
	s.open(l, socket)
	s.tag(*l.ListenerArn, in.Tags)
	return &elb.CreateListenerOutput{Listeners: []types.Listener{l.Listener}}, nil
}

// open has a listener serve at a socket; the caller holds the lock.
func (s *Service) open(l *listener, socket net.Listener) {
	l.socket = socket
	l.server = &http.Server{Handler: s.proxy(l), ReadHeaderTimeout: time.Minute}
	s.running.Go(func() {
		if err := l.server.Serve(socket); !errors.Is(err, http.ErrServerClosed) {
			_ = socket.Close()
		}
	})
	s.listeners[*l.ListenerArn] = l
}

// DescribeListeners lists listeners by ARN or by load balancer.
func (s *Service) DescribeListeners(_ context.Context, in *elb.DescribeListenersInput) (*elb.DescribeListenersOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if in.LoadBalancerArn != nil && s.balancers[*in.LoadBalancerArn] == nil {
		return nil, notFound("LoadBalancer", *in.LoadBalancerArn)
	}
	out := &elb.DescribeListenersOutput{Listeners: []types.Listener{}}
	for _, key := range sorted(s.listeners) {
		l := s.listeners[key]
		of := in.LoadBalancerArn == nil || *in.LoadBalancerArn == *l.LoadBalancerArn
		if of && wanted(in.ListenerArns, key) {
			out.Listeners = append(out.Listeners, l.Listener)
		}
	}
	if len(in.ListenerArns) > len(out.Listeners) {
		return nil, notFound("Listener", "")
	}
	return out, nil
}

// ModifyListener changes the default actions.
func (s *Service) ModifyListener(_ context.Context, in *elb.ModifyListenerInput) (*elb.ModifyListenerOutput, error) {
	if err := s.checkActions(in.DefaultActions); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.listeners[aws.ToString(in.ListenerArn)]
	if l == nil {
		return nil, notFound("Listener", "")
	}
	set(&l.Port, in.Port)
	if in.Protocol != "" {
		l.Protocol = in.Protocol
	}
	if in.DefaultActions != nil {
		l.DefaultActions = in.DefaultActions
		l.rules[len(l.rules)-1].act(in.DefaultActions)
	}
	return &elb.ModifyListenerOutput{Listeners: []types.Listener{l.Listener}}, nil
}

// DeleteListener closes a listener.
func (s *Service) DeleteListener(_ context.Context, in *elb.DeleteListenerInput) (*elb.DeleteListenerOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.listeners[aws.ToString(in.ListenerArn)]
	if l == nil {
		return nil, notFound("Listener", "")
	}
	delete(s.listeners, *in.ListenerArn)
	return &elb.DeleteListenerOutput{}, l.close()
}

// checkActions refuses actions that local AWS does not take and target groups that do not exist.
func (s *Service) checkActions(actions []types.Action) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range actions {
		switch a.Type {
		case types.ActionTypeEnumFixedResponse, types.ActionTypeEnumRedirect:
		case types.ActionTypeEnumForward:
			for _, arn := range forwardsTo(a) {
				if s.groups[arn] == nil {
					return notFound("TargetGroup", "")
				}
			}
		default:
			return invalid("local AWS forwards, redirects and gives fixed responses; it has no action '%s'", a.Type)
		}
	}
	return nil
}

// forwardsTo lists the target groups of a forward action.
func forwardsTo(a types.Action) []string {
	if a.ForwardConfig == nil {
		if a.TargetGroupArn == nil {
			return nil
		}
		return []string{*a.TargetGroupArn}
	}
	var groups []string
	for _, t := range a.ForwardConfig.TargetGroups {
		groups = append(groups, aws.ToString(t.TargetGroupArn))
	}
	return groups
}

// priority orders rules; the default rule comes last.
func (r *rule) priority() int {
	n, err := strconv.Atoi(*r.Priority)
	if err != nil {
		return 1 << 30
	}
	return n
}
