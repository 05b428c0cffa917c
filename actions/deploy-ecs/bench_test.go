package deployecs_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	deployecs "github.com/org/shipkit/actions/deploy-ecs"
	"github.com/org/shipkit/internal/awstest/image"
	"github.com/org/shipkit/internal/localaws"
	"github.com/org/shipkit/pkg/action/actiontest"
)

// BenchmarkTwentyAtOnce deploys to twenty services of one account at once, with
// the default interval between looks, and reports the median time from the end
// of a rollout in ECS to the exit of its step, and the calls of a step.
func BenchmarkTwentyAtOnce(b *testing.B) {
	w := newBareWorld(b)
	w.register("web", w.push("v1", image.Web{Mode: "mute"}), nil)
	ref := w.push("v2", image.Web{Mode: "mute"})
	var names []string
	for i := range 20 {
		names = append(names, fmt.Sprintf("web%d", i))
		must(w.ecs.CreateService(b.Context(), &ecs.CreateServiceInput{
			Cluster: aws.String("shop"), ServiceName: &names[i], TaskDefinition: aws.String("web"), DesiredCount: aws.Int32(1),
			LaunchType: types.LaunchTypeFargate, NetworkConfiguration: network(),
		}))(b)
	}
	w.until("all services run", func() bool { return w.running(names) == len(names) })
	var late []time.Duration
	w.aws.ECS.Throttle(true)
	defer w.aws.ECS.Throttle(false)
	for b.Loop() {
		before := len(w.aws.Calls())
		late = append(late, w.deployAll(b, names, ref)...)
		calls := w.aws.Calls()[before:]
		throttled := 0
		for _, call := range calls {
			if strings.HasPrefix(call.Error, "Throttling") {
				throttled++
			}
		}
		b.ReportMetric(float64(len(calls))/float64(len(names)), "calls/step")
		b.ReportMetric(float64(throttled), "throttled")
		ref = w.push(fmt.Sprintf("v%d", len(late)), image.Web{Mode: "mute"})
	}
	slices.Sort(late)
	b.ReportMetric(late[len(late)/2].Seconds(), "s-late/median")
	b.ReportMetric(late[len(late)-1].Seconds(), "s-late/max")
}

// BenchmarkTenMinutes reports the calls of a step whose rollout takes ten
// minutes. The clock runs six times as fast as ours and the step looks every
// second: as it does on AWS with the default of six seconds.
func BenchmarkTenMinutes(b *testing.B) {
	w := start(b, localaws.Options{Factor: 6, Engine: localaws.Process})
	w.register("web", w.push("v0", image.Web{Mode: "mute"}), nil)
	must(w.ecs.CreateService(b.Context(), &ecs.CreateServiceInput{
		Cluster: aws.String("shop"), ServiceName: aws.String("web"), TaskDefinition: aws.String("web"), DesiredCount: aws.Int32(1),
		LaunchType: types.LaunchTypeFargate, NetworkConfiguration: network(),
	}))(b)
	w.until("the service runs", func() bool { return w.running([]string{"web"}) == 1 })
	for n := 1; b.Loop(); n++ {
		before := len(w.aws.Calls())
		got := w.step(b.Context(), map[string]string{"images": "web=" + w.push(fmt.Sprintf("v%d", n), image.Web{Mode: "mute"}), "bake-minutes": "9"})
		if got.ExitCode != 0 {
			b.Fatal(got.Log)
		}
		b.ReportMetric(float64(len(w.aws.Calls())-before), "calls")
		d := must(w.ecs.ListServiceDeployments(b.Context(), &ecs.ListServiceDeploymentsInput{Cluster: aws.String("shop"), Service: aws.String("web")}))(b)
		b.ReportMetric(d.ServiceDeployments[0].FinishedAt.Sub(*d.ServiceDeployments[0].CreatedAt).Minutes(), "minutes")
	}
}

// deployAll returns how late each step ended after its rollout.
func (w *world) deployAll(b *testing.B, names []string, ref string) []time.Duration {
	ended := make([]time.Time, len(names))
	var group sync.WaitGroup
	for i, name := range names {
		group.Go(func() {
			got := actiontest.Run(b.Context(), b, actiontest.Step{
				Spec: deployecs.Spec, With: map[string]string{"cluster": "shop", "service": name, "images": "web=" + ref},
				Env: map[string]string{"RUNNER_TEMP": b.TempDir()},
			})
			if ended[i] = time.Now(); got.ExitCode != 0 {
				b.Error(got.Log)
			}
		})
	}
	group.Wait()
	var late []time.Duration
	for i, name := range names {
		list := must(w.ecs.ListServiceDeployments(b.Context(), &ecs.ListServiceDeploymentsInput{Cluster: aws.String("shop"), Service: &name}))(b)
		late = append(late, ended[i].Sub(*list.ServiceDeployments[0].FinishedAt))
	}
	return late
}

func (w *world) running(names []string) (n int) {
	for chunk := range slices.Chunk(names, 10) {
		out := must(w.ecs.DescribeServices(w.Context(), &ecs.DescribeServicesInput{Cluster: aws.String("shop"), Services: chunk}))(w)
		for _, service := range out.Services {
			n += int(service.RunningCount)
		}
	}
	return n
}
