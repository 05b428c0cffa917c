package localaws_test

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	schedulertypes "github.com/aws/aws-sdk-go-v2/service/scheduler/types"

	"github.com/org/shipkit/internal/localaws"
)

// TestStartsAndStopsLeaveNothing starts and stops local AWS a hundred times, in use: goroutines, processes, ports and
// temporary folders must be as before.
func TestStartsAndStopsLeaveNothing(t *testing.T) {
	tmp, err := os.MkdirTemp("/tmp", "s") // short and open to all: databases run as another user there
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(tmp) })
	if err := os.Chmod(tmp, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", tmp)
	cycle := func(n int) (ports []string) {
		whole := n%50 == 0 // a database and a task cost a second
		s, err := localaws.Start(t.Context(), localaws.Options{Engine: localaws.Process, NoData: !whole, Factor: 600})
		if err != nil {
			t.Fatal(err)
		}
		ports = use(&victim{T: t, Server: s, cfg: s.Config()}, whole)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		return append(ports, strings.TrimPrefix(s.URL, "http://"), s.ECR.Host())
	}
	cycle(0) // the first one also starts what lives as long as the process
	before := len(settled(0))
	for n := range 100 {
		for _, addr := range cycle(n) {
			var d net.Dialer
			if conn, err := d.DialContext(t.Context(), "tcp", addr); err == nil {
				_ = conn.Close()
				t.Errorf("after stop %d %s still answers", n+1, addr)
			}
		}
	}
	if after := settled(before); len(after) > before {
		t.Errorf("%d goroutines before, %d after 100 starts and stops:\n%s", before, len(after), strings.Join(after, "\n\n"))
	}
	if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
		t.Errorf("temporary folders are left: %v, %v", left, err)
	}
	if left := children(t); len(left) > 0 {
		t.Errorf("processes are left: %v", left)
	}
}

// use makes something of each kind that holds a port, a timer or a process, and returns the ports.
func use(v *victim, whole bool) (ports []string) {
	v.Helper()
	balancer, err := v.ELB.CreateLoadBalancer(v.Context(), &elb.CreateLoadBalancerInput{Name: aws.String("web"), Subnets: []string{"subnet-1"}})
	if err != nil {
		v.Fatal(err)
	}
	listener, err := v.ELB.CreateListener(v.Context(), &elb.CreateListenerInput{LoadBalancerArn: balancer.LoadBalancers[0].LoadBalancerArn,
		Port: aws.Int32(80), Protocol: elbtypes.ProtocolEnumHttp, DefaultActions: []elbtypes.Action{{
			Type: elbtypes.ActionTypeEnumFixedResponse, FixedResponseConfig: &elbtypes.FixedResponseActionConfig{StatusCode: aws.String("404")}}}})
	if err != nil {
		v.Fatal(err)
	}
	_, err = v.Scheduler.CreateSchedule(v.Context(), &scheduler.CreateScheduleInput{Name: aws.String("often"),
		ScheduleExpression: aws.String("rate(1 hour)"), FlexibleTimeWindow: &schedulertypes.FlexibleTimeWindow{Mode: "OFF"},
		Target: &schedulertypes.Target{RoleArn: aws.String("arn:aws:iam::111122223333:role/s"),
			Arn: aws.String("arn:aws:scheduler:::aws-sdk:ecs:updateService"), Input: aws.String(`{"Service":"web"}`),
			RetryPolicy: &schedulertypes.RetryPolicy{MaximumRetryAttempts: aws.Int32(0)}}})
	if err != nil {
		v.Fatal(err)
	}
	if whole {
		sample(v.T, v.Server)
		v.task(running)
		v.database("db")
	}
	return []string{strings.TrimPrefix(v.ELB.ListenerURL(*listener.Listeners[0].ListenerArn), "http://")}
}

// children are the processes that this one has started and that still run.
func children(t *testing.T) (names []string) {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range stats {
		stat, err := os.ReadFile(file)
		if err != nil {
			continue // it has just ended
		}
		name, rest, _ := strings.Cut(string(stat), ") ")
		if fields := strings.Fields(rest); len(fields) > 1 && fields[1] == strconv.Itoa(os.Getpid()) {
			names = append(names, name)
		}
	}
	return names
}

// settled returns the stacks of all goroutines once their number is down to want, or has had a second to get there.
func settled(want int) []string {
	deadline := time.Now().Add(time.Second)
	for {
		stacks := goroutines()
		if len(stacks) <= want || time.Now().After(deadline) {
			return stacks
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// goroutines leaves out the one that distribution v3.1.2 starts for each registry (its notifications, handlers/app.go)
// and gives no means to end.
func goroutines() []string {
	buf := make([]byte, 4<<20)
	stacks := strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n")
	return slices.DeleteFunc(stacks, func(s string) bool { return strings.Contains(s, "go-events.(*Broadcaster).run") })
}

func TestPortTaken(t *testing.T) {
	s := start(t, localaws.Options{Engine: localaws.Process})
	taken := strings.TrimPrefix(s.URL, "http://")
	second, err := localaws.Start(t.Context(), localaws.Options{Addr: taken})
	if err == nil {
		_ = second.Close()
		t.Fatal("a second server took the same port")
	}
	if want := "listen on " + taken; !strings.Contains(err.Error(), want) {
		t.Errorf("err = %v, want %q", err, want)
	}
}

func TestCloseTwice(t *testing.T) {
	s, err := localaws.Start(context.Background(), localaws.Options{Engine: localaws.Process})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}
