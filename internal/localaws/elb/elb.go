// Package elb is Elastic Load Balancing (application load balancers) on one machine: every listener is a reverse
// proxy on a loopback port, with rules, weighted target groups, health checks and connection draining.
//
// A load balancer's DNSName is "127.0.0.1:port" of its first listener, so that http://<DNSName>/ works whatever port the
// listener was asked for; ListenerURL tells the address of any listener. HTTPS listeners speak plain HTTP.
package elb

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/org/shipkit/internal/localaws/wire"
)

// Clock is the simulated time that health checks and draining follow.
type Clock interface {
	Now() time.Time
	Sleep(ctx context.Context, d time.Duration) error
	Real(d time.Duration) time.Duration
}

// startupAllowance is how long, in real time, a fresh target may refuse connections before its failed checks count:
// a container starts no faster because simulated time does.
const startupAllowance = 2 * time.Second

// checkTimeout is the least that a health check waits in real time, for the same reason.
const checkTimeout = 2 * time.Second

// Service implements the operations of Elastic Load Balancing v2.
type Service struct {
	clock     Clock
	transport *http.Transport
	ctx       context.Context //nolint:containedctx // the life of the health checks, which Close ends
	stop      context.CancelFunc
	running   sync.WaitGroup

	mu        sync.Mutex
	balancers map[string]*balancer // by ARN
	groups    map[string]*group    // by ARN
	listeners map[string]*listener // by ARN
	tags      map[string]map[string]string
}

// New returns a service without load balancers. Close ends its listeners and health checks.
func New(clock Clock) *Service {
	ctx, stop := context.WithCancel(context.Background())
	return &Service{
		clock: clock, ctx: ctx, stop: stop,
		transport: &http.Transport{MaxIdleConnsPerHost: 64, IdleConnTimeout: 30 * time.Second},
		balancers: map[string]*balancer{}, groups: map[string]*group{}, listeners: map[string]*listener{},
		tags: map[string]map[string]string{},
	}
}

// Close ends all listeners and health checks.
func (s *Service) Close() error {
	s.stop()
	s.mu.Lock()
	var errs []error
	for _, b := range s.balancers {
		errs = append(errs, b.close())
	}
	for _, l := range s.listeners {
		errs = append(errs, l.close())
	}
	s.mu.Unlock()
	s.running.Wait()
	s.transport.CloseIdleConnections()
	return errors.Join(errs...)
}

// newID is the last part of an ARN: 16 hexadecimal digits.
func newID() string {
	b := make([]byte, 8)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

// arn builds an ARN of the caller's account and region.
func arn(ctx context.Context, format string, args ...any) string {
	c := wire.Caller(ctx)
	return fmt.Sprintf("arn:aws:elasticloadbalancing:%s:%s:%s", c.Region, c.AccountID, fmt.Sprintf(format, args...))
}

// notFound is AWS's answer for an ARN that names nothing; what is "TargetGroup", "Listener", "Rule" or "LoadBalancer".
func notFound(what string, name string) error {
	words := map[string]string{
		"TargetGroup":  "One or more target groups not found",
		"Listener":     "One or more listeners not found",
		"Rule":         "One or more rules not found",
		"LoadBalancer": fmt.Sprintf("Load balancers '[%s]' not found", name),
	}
	return wire.Errorf(what+"NotFound", http.StatusBadRequest, "%s", words[what])
}

func invalid(format string, args ...any) error {
	return wire.Errorf("ValidationError", http.StatusBadRequest, format, args...)
}

// Wire is the service at the endpoint.
func (s *Service) Wire() *wire.Service {
	svc := wire.NewService(wire.ServiceInfo{
		Name: "elasticloadbalancing", Protocol: wire.Query,
		Namespace: "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/",
	})
	wire.Handle(svc, "CreateLoadBalancer", s.CreateLoadBalancer)
	wire.Handle(svc, "DescribeLoadBalancers", s.DescribeLoadBalancers)
	wire.Handle(svc, "DeleteLoadBalancer", s.DeleteLoadBalancer)
	wire.Handle(svc, "CreateTargetGroup", s.CreateTargetGroup)
	wire.Handle(svc, "DescribeTargetGroups", s.DescribeTargetGroups)
	wire.Handle(svc, "ModifyTargetGroup", s.ModifyTargetGroup)
	wire.Handle(svc, "DeleteTargetGroup", s.DeleteTargetGroup)
	wire.Handle(svc, "DescribeTargetGroupAttributes", s.DescribeTargetGroupAttributes)
	wire.Handle(svc, "ModifyTargetGroupAttributes", s.ModifyTargetGroupAttributes)
	wire.Handle(svc, "RegisterTargets", s.RegisterTargets)
	wire.Handle(svc, "DeregisterTargets", s.DeregisterTargets)
	wire.Handle(svc, "DescribeTargetHealth", s.DescribeTargetHealth)
	wire.Handle(svc, "CreateListener", s.CreateListener)
	wire.Handle(svc, "DescribeListeners", s.DescribeListeners)
	wire.Handle(svc, "ModifyListener", s.ModifyListener)
	wire.Handle(svc, "DeleteListener", s.DeleteListener)
	wire.Handle(svc, "CreateRule", s.CreateRule)
	wire.Handle(svc, "DescribeRules", s.DescribeRules)
	wire.Handle(svc, "ModifyRule", s.ModifyRule)
	wire.Handle(svc, "DeleteRule", s.DeleteRule)
	wire.Handle(svc, "AddTags", s.AddTags)
	wire.Handle(svc, "DescribeTags", s.DescribeTags)
	return svc
}
