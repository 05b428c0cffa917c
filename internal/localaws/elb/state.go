package elb

import (
	"context"
	"encoding/json"
	"fmt"
	"net"

	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// state is what survives a restart. Targets do not: ECS registers its tasks again.
type state struct {
	Balancers []savedBalancer
	Groups    []savedGroup
	Listeners []savedListener
	Tags      map[string]map[string]string
}

type savedBalancer struct {
	types.LoadBalancer
	Waiting bool // no listener has its port yet
}

type savedGroup struct {
	types.TargetGroup
	Attributes map[string]string
}

type savedListener struct {
	types.Listener
	Rules []types.Rule
	Addr  string
}

// Save returns load balancers, listeners with their ports, rules and target groups for a later Load.
func (s *Service) Save() ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := state{Tags: s.tags}
	for _, key := range sorted(s.balancers) {
		b := s.balancers[key]
		st.Balancers = append(st.Balancers, savedBalancer{b.LoadBalancer, b.socket != nil})
	}
	for _, key := range sorted(s.groups) {
		st.Groups = append(st.Groups, savedGroup{s.groups[key].TargetGroup, s.groups[key].attributes})
	}
	for _, key := range sorted(s.listeners) {
		l := s.listeners[key]
		saved := savedListener{Listener: l.Listener, Addr: l.socket.Addr().String()}
		for _, r := range l.rules {
			saved.Rules = append(saved.Rules, r.Rule)
		}
		st.Listeners = append(st.Listeners, saved)
	}
	data, err := json.Marshal(st)
	if err != nil {
		return nil, fmt.Errorf("save load balancers: %w", err)
	}
	return data, nil
}

// Load restores what Save returned, on the same ports.
func (s *Service) Load(data []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var st state
	if err := json.Unmarshal(data, &st); err != nil {
		return fmt.Errorf("load load balancers: %w", err)
	}
	if st.Tags != nil {
		s.tags = st.Tags
	}
	for _, g := range st.Groups {
		s.groups[*g.TargetGroupArn] = &group{TargetGroup: g.TargetGroup, attributes: g.Attributes}
	}
	for _, saved := range st.Balancers {
		b := &balancer{LoadBalancer: saved.LoadBalancer}
		if saved.Waiting {
			socket, err := listenAt(s.ctx, *saved.DNSName)
			if err != nil {
				return err
			}
			b.socket = socket
		}
		s.balancers[*b.LoadBalancerArn] = b
	}
	for _, saved := range st.Listeners {
		socket, err := listenAt(s.ctx, saved.Addr)
		if err != nil {
			return err
		}
		l := &listener{Listener: saved.Listener}
		for _, r := range saved.Rules {
			l.rules = append(l.rules, &rule{Rule: r})
		}
		s.open(l, socket)
	}
	return nil
}

// listenAt opens a port of a load balancer.
func listenAt(ctx context.Context, addr string) (net.Listener, error) {
	var lc net.ListenConfig
	socket, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("open a port for the load balancer: %w", err)
	}
	return socket, nil
}
