package elb

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// target is one address of a group. The service's lock guards it.
type target struct {
	id         string
	port       int32
	state      types.TargetHealthStateEnum
	reason     types.TargetHealthReasonEnum
	words      string
	since      time.Time // real time of registration
	inFlight   int
	good, bad  int // consecutive checks
	stop       context.CancelFunc
	drained    chan struct{} // closed when a draining target has no request left
	registered bool
}

func (t *target) address() string { return net.JoinHostPort(t.id, strconv.Itoa(int(t.port))) }

// RegisterTargets adds addresses to a group and begins to check them.
func (s *Service) RegisterTargets(_ context.Context, in *elb.RegisterTargetsInput) (*elb.RegisterTargetsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.groups[aws.ToString(in.TargetGroupArn)]
	if g == nil {
		return nil, notFound("TargetGroup", "")
	}
	for _, d := range in.Targets {
		port := aws.ToInt32(d.Port)
		if port == 0 {
			port = aws.ToInt32(g.Port)
		}
		if t := g.find(*d.Id, port); t != nil && t.registered {
			continue
		}
		ctx, stop := context.WithCancel(s.ctx)
		t := &target{
			id: *d.Id, port: port, stop: stop, since: time.Now(), registered: true, drained: make(chan struct{}),
			state: types.TargetHealthStateEnumInitial, reason: types.TargetHealthReasonEnumRegistrationInProgress,
			words: "Target registration is in progress",
		}
		g.targets = append(g.targets, t)
		s.running.Add(1)
		go s.check(ctx, g, t)
	}
	return &elb.RegisterTargetsOutput{}, nil
}

// find returns a target that is registered or draining.
func (g *group) find(id string, port int32) *target {
	for _, t := range g.targets {
		if t.id == id && t.port == port {
			return t
		}
	}
	return nil
}

// DeregisterTargets lets targets finish what they do: they get no new request, and are gone once they have none left or
// the deregistration delay is over.
func (s *Service) DeregisterTargets(_ context.Context, in *elb.DeregisterTargetsInput) (*elb.DeregisterTargetsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.groups[aws.ToString(in.TargetGroupArn)]
	if g == nil {
		return nil, notFound("TargetGroup", "")
	}
	for _, d := range in.Targets {
		port := aws.ToInt32(d.Port)
		t := g.find(aws.ToString(d.Id), port)
		if t == nil || !t.registered {
			continue
		}
		t.stop()
		t.registered = false
		t.state, t.reason = types.TargetHealthStateEnumDraining, types.TargetHealthReasonEnumDeregistrationInProgress
		t.words = "Target deregistration is in progress"
		if t.inFlight == 0 {
			close(t.drained)
		}
		s.running.Add(1)
		go s.drain(g, t)
	}
	return &elb.DeregisterTargetsOutput{}, nil
}

// drain removes a target once it has no request left or its time is up.
func (s *Service) drain(g *group, t *target) {
	defer s.running.Done()
	s.mu.Lock()
	delay := g.delay()
	s.mu.Unlock()
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	go func() {
		select {
		case <-t.drained:
			cancel()
		case <-ctx.Done():
		}
	}()
	_ = s.clock.Sleep(ctx, delay) // ends early when drained
	s.mu.Lock()
	defer s.mu.Unlock()
	g.targets = slices.DeleteFunc(g.targets, func(other *target) bool { return other == t })
}

// DescribeTargetHealth tells the state of a group's targets.
func (s *Service) DescribeTargetHealth(
	_ context.Context, in *elb.DescribeTargetHealthInput,
) (*elb.DescribeTargetHealthOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.groups[aws.ToString(in.TargetGroupArn)]
	if g == nil {
		return nil, notFound("TargetGroup", "")
	}
	used := len(s.describe(g).LoadBalancerArns) > 0
	out := &elb.DescribeTargetHealthOutput{TargetHealthDescriptions: []types.TargetHealthDescription{}}
	for _, t := range g.targets {
		if len(in.Targets) == 0 || slices.ContainsFunc(in.Targets, t.is) {
			out.TargetHealthDescriptions = append(out.TargetHealthDescriptions, t.describe(used))
		}
	}
	for _, d := range in.Targets {
		if g.find(*d.Id, aws.ToInt32(d.Port)) != nil {
			continue
		}
		out.TargetHealthDescriptions = append(out.TargetHealthDescriptions, types.TargetHealthDescription{
			Target: &types.TargetDescription{Id: d.Id, Port: d.Port},
			TargetHealth: &types.TargetHealth{
				State: types.TargetHealthStateEnumUnused, Reason: types.TargetHealthReasonEnumNotRegistered,
				Description: aws.String("Target is not registered to the target group"),
			},
		})
	}
	return out, nil
}

func (t *target) is(d types.TargetDescription) bool {
	return t.id == *d.Id && t.port == aws.ToInt32(d.Port)
}

func (t *target) describe(used bool) types.TargetHealthDescription {
	health := &types.TargetHealth{State: t.state, Reason: t.reason}
	if t.words != "" {
		health.Description = aws.String(t.words)
	}
	if !used && t.registered {
		health = &types.TargetHealth{
			State: types.TargetHealthStateEnumUnused, Reason: types.TargetHealthReasonEnumNotInUse,
			Description: aws.String("Target group is not configured to receive traffic from the load balancer"),
		}
	}
	return types.TargetHealthDescription{
		HealthCheckPort: aws.String(strconv.Itoa(int(t.port))), TargetHealth: health,
		Target: &types.TargetDescription{Id: aws.String(t.id), Port: aws.Int32(t.port)},
	}
}

// check asks a target for its health until it is deregistered.
func (s *Service) check(ctx context.Context, g *group, t *target) {
	defer s.running.Done()
	for ctx.Err() == nil {
		s.mu.Lock()
		settings := g.TargetGroup
		s.mu.Unlock()
		reason, words := s.probe(ctx, settings, t)
		s.mu.Lock()
		if t.registered {
			t.note(settings, reason, words)
		}
		s.mu.Unlock()
		interval := time.Duration(*settings.HealthCheckIntervalSeconds) * time.Second
		pause := min(max(s.clock.Real(interval), 50*time.Millisecond), interval)
		if reason != "" && time.Since(t.since) < startupAllowance {
			pause = min(pause, 50*time.Millisecond) // a container that just starts: look again soon
		}
		sleep(ctx, pause)
	}
}

// sleep waits in real time.
func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// probe makes one health check. An empty reason is success.
func (s *Service) probe(ctx context.Context, g types.TargetGroup, t *target) (types.TargetHealthReasonEnum, string) {
	if !*g.HealthCheckEnabled {
		return "", ""
	}
	timeout := max(s.clock.Real(time.Duration(*g.HealthCheckTimeoutSeconds)*time.Second), checkTimeout)
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	address := t.address()
	if p := *g.HealthCheckPort; p != "traffic-port" {
		address = net.JoinHostPort(t.id, p)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+*g.HealthCheckPath, http.NoBody)
	if err != nil {
		return types.TargetHealthReasonEnumFailedHealthChecks, "Health checks failed"
	}
	req.Header.Set("User-Agent", "ELB-HealthChecker/2.0")
	resp, err := s.transport.RoundTrip(req)
	if err != nil {
		if ctx.Err() != nil {
			return types.TargetHealthReasonEnumTimeout, "Request timed out"
		}
		return types.TargetHealthReasonEnumFailedHealthChecks, "Health checks failed"
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20))
	_ = resp.Body.Close()
	if !matches(aws.ToString(g.Matcher.HttpCode), resp.StatusCode) {
		return types.TargetHealthReasonEnumResponseCodeMismatch, fmt.Sprintf("Health checks failed with these codes: [%d]", resp.StatusCode)
	}
	return "", ""
}

// matches reports whether a status is in a list such as "200,300-399".
func matches(codes string, status int) bool {
	for part := range strings.SplitSeq(codes, ",") {
		low, high, isRange := strings.Cut(strings.TrimSpace(part), "-")
		from, err := strconv.Atoi(low)
		to := from
		if isRange {
			to, _ = strconv.Atoi(high)
		}
		if err == nil && from <= status && status <= to {
			return true
		}
	}
	return false
}

// note counts a check. A fresh target needs one good check, a sick one as many as the threshold says.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html
func (t *target) note(g types.TargetGroup, reason types.TargetHealthReasonEnum, words string) {
	if reason == "" {
		t.good, t.bad = t.good+1, 0
		if t.state == types.TargetHealthStateEnumInitial || t.good >= int(*g.HealthyThresholdCount) {
			t.state, t.reason, t.words = types.TargetHealthStateEnumHealthy, "", ""
		}
		return
	}
	if time.Since(t.since) < startupAllowance && t.state == types.TargetHealthStateEnumInitial {
		t.reason, t.words = types.TargetHealthReasonEnumInitialHealthChecking, "Initial health checks in progress"
		return
	}
	t.good, t.bad = 0, t.bad+1
	if t.bad >= int(*g.UnhealthyThresholdCount) {
		t.state, t.reason, t.words = types.TargetHealthStateEnumUnhealthy, reason, words
	}
}
