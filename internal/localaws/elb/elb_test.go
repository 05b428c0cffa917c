package elb_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awselb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/org/shipkit/internal/localaws/clock"
	"github.com/org/shipkit/internal/localaws/elb"
	"github.com/org/shipkit/internal/localaws/wire"
)

// fixture is a load balancer with one listener that forwards to two target groups, blue and green.
type fixture struct {
	*elb.Service
	t           *testing.T
	blue, green string
	listener    string
	rule        string
}

func setup(t *testing.T) *fixture {
	t.Helper()
	c := clock.New(100)
	t.Cleanup(c.Close)
	f := &fixture{Service: elb.New(c), t: t}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	ctx := t.Context()
	lb := must(f.CreateLoadBalancer(ctx, &awselb.CreateLoadBalancerInput{Name: aws.String("shop")})).LoadBalancers[0]
	f.blue, f.green = f.group("blue"), f.group("green")
	f.listener = *must(f.CreateListener(ctx, &awselb.CreateListenerInput{
		LoadBalancerArn: lb.LoadBalancerArn, Port: aws.Int32(80), Protocol: types.ProtocolEnumHttp,
		DefaultActions: []types.Action{{Type: types.ActionTypeEnumFixedResponse,
			FixedResponseConfig: &types.FixedResponseActionConfig{StatusCode: aws.String("404"), MessageBody: aws.String("nothing here")}}},
	})).Listeners[0].ListenerArn
	f.rule = *must(f.CreateRule(ctx, &awselb.CreateRuleInput{
		ListenerArn: &f.listener, Priority: aws.Int32(10), Actions: f.weights(100, 0),
		Conditions: []types.RuleCondition{{Field: aws.String("path-pattern"), Values: []string{"/app/*"}}},
	})).Rules[0].RuleArn
	if want := "http://" + *lb.DNSName; f.ListenerURL(f.listener) != want {
		t.Errorf("the first listener is at %s, the load balancer's name is %s", f.ListenerURL(f.listener), want)
	}
	return f
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func (f *fixture) group(name string) string {
	return *must(f.CreateTargetGroup(f.t.Context(), &awselb.CreateTargetGroupInput{
		Name: aws.String(name), TargetType: types.TargetTypeEnumIp, Port: aws.Int32(8080), HealthCheckPath: aws.String("/healthz"),
	})).TargetGroups[0].TargetGroupArn
}

func (f *fixture) weights(blue, green int32) []types.Action {
	return []types.Action{{Type: types.ActionTypeEnumForward, ForwardConfig: &types.ForwardActionConfig{
		TargetGroups: []types.TargetGroupTuple{
			{TargetGroupArn: &f.blue, Weight: aws.Int32(blue)}, {TargetGroupArn: &f.green, Weight: aws.Int32(green)},
		},
	}}}
}

// app is a target that answers with its name; sick makes its health check fail.
type app struct {
	*httptest.Server
	sick    atomic.Bool
	blocked chan struct{} // takes a value for each request that waits for block to be closed
	block   chan struct{}
}

func newApp(t *testing.T, name string) *app {
	a := &app{blocked: make(chan struct{}, 1), block: make(chan struct{})}
	a.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/healthz" && a.sick.Load():
			w.WriteHeader(http.StatusInternalServerError)
		case r.URL.Path == "/app/block":
			a.blocked <- struct{}{}
			<-a.block
			fallthrough
		default:
			fmt.Fprint(w, name)
		}
	}))
	t.Cleanup(a.Close)
	return a
}

func (a *app) target() []types.TargetDescription {
	host, port, _ := net.SplitHostPort(a.Listener.Addr().String())
	n, _ := strconv.Atoi(port)
	return []types.TargetDescription{{Id: aws.String(host), Port: aws.Int32(int32(n))}} //nolint:gosec // a port
}

func (f *fixture) register(group string, a *app) {
	must(f.RegisterTargets(f.t.Context(), &awselb.RegisterTargetsInput{TargetGroupArn: &group, Targets: a.target()}))
	f.await(group, a, types.TargetHealthStateEnumHealthy)
}

// await waits until a target has a state.
func (f *fixture) await(group string, a *app, want types.TargetHealthStateEnum) types.TargetHealth {
	f.t.Helper()
	var last types.TargetHealth
	for range 1000 {
		out := must(f.DescribeTargetHealth(f.t.Context(), &awselb.DescribeTargetHealthInput{TargetGroupArn: &group, Targets: a.target()}))
		last = *out.TargetHealthDescriptions[0].TargetHealth
		if last.State == want {
			return last
		}
		time.Sleep(10 * time.Millisecond)
	}
	f.t.Fatalf("target is %s (%s), want %s", last.State, aws.ToString(last.Description), want)
	return last
}

func (f *fixture) get(ctx context.Context, path string) (int, string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.ListenerURL(f.listener)+path, http.NoBody)
	if err != nil {
		return 0, "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(body), err
}

func TestRulesAndWeights(t *testing.T) {
	f := setup(t)
	f.register(f.blue, newApp(t, "blue"))
	f.register(f.green, newApp(t, "green"))
	if status, body, err := f.get(t.Context(), "/elsewhere"); err != nil || status != 404 || body != "nothing here" {
		t.Error("the default rule:", status, body, err)
	}
	for _, green := range []int32{0, 10, 33, 100} {
		must(f.ModifyRule(t.Context(), &awselb.ModifyRuleInput{RuleArn: &f.rule, Actions: f.weights(100-green, green)}))
		got := 0
		for range 100 {
			status, body, err := f.get(t.Context(), "/app/a/b")
			if err != nil || status != 200 {
				t.Fatal(status, err)
			}
			if body == "green" {
				got++
			}
		}
		if got != int(green) {
			t.Errorf("of 100 requests %d went to a group with weight %d", got, green)
		}
	}
}

func TestHealth(t *testing.T) {
	f := setup(t)
	a := newApp(t, "blue")
	f.register(f.blue, a)
	a.sick.Store(true)
	health := f.await(f.blue, a, types.TargetHealthStateEnumUnhealthy)
	if health.Reason != types.TargetHealthReasonEnumResponseCodeMismatch || *health.Description != "Health checks failed with these codes: [500]" {
		t.Errorf("health %+v", health)
	}
	if status, _, err := f.get(t.Context(), "/app/"); err != nil || status != 200 {
		t.Error("with only sick targets a load balancer fails open:", status, err)
	}
	a.sick.Store(false)
	f.await(f.blue, a, types.TargetHealthStateEnumHealthy)

	lost := newApp(t, "lost")
	lost.Close()
	must(f.RegisterTargets(t.Context(), &awselb.RegisterTargetsInput{TargetGroupArn: &f.blue, Targets: lost.target()}))
	if health := f.await(f.blue, lost, types.TargetHealthStateEnumUnhealthy); *health.Description != "Health checks failed" {
		t.Errorf("a port without a listener: %+v", health)
	}
	spare := f.group("spare")
	must(f.RegisterTargets(t.Context(), &awselb.RegisterTargetsInput{TargetGroupArn: &spare, Targets: a.target()}))
	f.await(spare, a, types.TargetHealthStateEnumUnused)
}

// TestDraining replaces the only target under load: no request fails, and the one in flight is answered.
func TestDraining(t *testing.T) {
	f := setup(t)
	old, fresh := newApp(t, "old"), newApp(t, "fresh")
	f.register(f.blue, old)

	ctx, cancel := context.WithCancel(t.Context())
	var load sync.WaitGroup
	var failed, answered atomic.Int64
	for range 4 {
		load.Go(func() {
			for ctx.Err() == nil {
				status, _, err := f.get(t.Context(), "/app/")
				if err != nil || status != 200 {
					failed.Add(1)
				}
				answered.Add(1)
			}
		})
	}
	slow := make(chan string, 1)
	go func() {
		_, body, err := f.get(t.Context(), "/app/block")
		slow <- fmt.Sprint(body, err)
	}()
	<-old.blocked // the fresh one must not get it
	f.register(f.blue, fresh)
	must(f.DeregisterTargets(t.Context(), &awselb.DeregisterTargetsInput{TargetGroupArn: &f.blue, Targets: old.target()}))
	f.await(f.blue, old, types.TargetHealthStateEnumDraining)
	for range 100 {
		if _, body, err := f.get(t.Context(), "/app/"); err != nil || body != "fresh" {
			t.Fatal("a draining target got a request:", body, err)
		}
	}
	close(old.block)
	f.await(f.blue, old, types.TargetHealthStateEnumUnused)
	if got := <-slow; got != "old<nil>" {
		t.Errorf("the request in flight got %s", got)
	}
	cancel()
	load.Wait()
	if failed.Load() != 0 || answered.Load() == 0 {
		t.Errorf("%d of %d requests failed", failed.Load(), answered.Load())
	}
}

func TestErrors(t *testing.T) {
	f := setup(t)
	ctx := t.Context()
	code := func(_ any, err error) string {
		var e *wire.Error
		if !errors.As(err, &e) {
			return fmt.Sprint(err)
		}
		return e.Code
	}
	unknown := aws.String("arn:aws:elasticloadbalancing:eu-west-1:111122223333:targetgroup/none/0000000000000000")
	for want, got := range map[string]string{
		"TargetGroupNotFound":       code(f.RegisterTargets(ctx, &awselb.RegisterTargetsInput{TargetGroupArn: unknown})),
		"RuleNotFound":              code(f.ModifyRule(ctx, &awselb.ModifyRuleInput{RuleArn: unknown})),
		"ListenerNotFound":          code(f.DescribeRules(ctx, &awselb.DescribeRulesInput{ListenerArn: unknown})),
		"LoadBalancerNotFound":      code(f.DescribeLoadBalancers(ctx, &awselb.DescribeLoadBalancersInput{Names: []string{"none"}})),
		"DuplicateTargetGroupName":  code(f.CreateTargetGroup(ctx, &awselb.CreateTargetGroupInput{Name: aws.String("blue")})),
		"DuplicateLoadBalancerName": code(f.CreateLoadBalancer(ctx, &awselb.CreateLoadBalancerInput{Name: aws.String("shop")})),
		"ResourceInUse":             code(f.DeleteTargetGroup(ctx, &awselb.DeleteTargetGroupInput{TargetGroupArn: &f.green})),
		"PriorityInUse":             code(f.CreateRule(ctx, &awselb.CreateRuleInput{ListenerArn: &f.listener, Priority: aws.Int32(10)})),
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// TestRestart brings listeners back on the same ports, with the same rules.
func TestRestart(t *testing.T) {
	f := setup(t)
	url := f.ListenerURL(f.listener)
	must(f.ModifyRule(t.Context(), &awselb.ModifyRuleInput{RuleArn: &f.rule, Actions: f.weights(1, 99)}))
	saved := must(f.Save())
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	c := clock.New(100)
	t.Cleanup(c.Close)
	f.Service = elb.New(c)
	t.Cleanup(func() { _ = f.Close() })
	if err := f.Load(saved); err != nil {
		t.Fatal(err)
	}
	if again := must(f.Save()); string(again) != string(saved) {
		t.Errorf("saved again: %s, want %s", again, saved)
	}
	if got := f.ListenerURL(f.listener); got != url {
		t.Errorf("the listener is at %s, was at %s", got, url)
	}
	f.register(f.green, newApp(t, "green"))
	if status, body, err := f.get(t.Context(), "/app/"); err != nil || status != 200 || body != "green" {
		t.Error(status, body, err)
	}
}
