package localaws_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/org/shipkit/internal/localaws"
	"github.com/org/shipkit/internal/localaws/seed"
)

// BenchmarkStart is a start and a stop of everything; the start alone must take under 200 ms.
func BenchmarkStart(b *testing.B) {
	for b.Loop() {
		s, err := localaws.Start(b.Context(), localaws.Options{})
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}

// BenchmarkDescribeServices goes through the SDK and the wire; 1,000 a second on two cores are wanted.
func BenchmarkDescribeServices(b *testing.B) {
	s, err := localaws.Start(b.Context(), localaws.Options{Engine: localaws.Process})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	client := ecs.NewFromConfig(s.Config())
	ctx := b.Context()
	if _, err := client.CreateCluster(ctx, &ecs.CreateClusterInput{ClusterName: aws.String("main")}); err != nil {
		b.Fatal(err)
	}
	if err := idleService(ctx, client); err != nil {
		b.Fatal(err)
	}
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			out, err := client.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: aws.String("main"), Services: []string{"web"}})
			if err != nil || len(out.Services) != 1 {
				b.Errorf("%+v, %v", out, err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
}

// BenchmarkRollingUpdate replaces the two containers of the demo's service behind its load balancer, as fast as
// shipkit-local lets time run; under 10 s are wanted. It needs a Docker engine.
func BenchmarkRollingUpdate(b *testing.B) {
	s, err := localaws.Start(b.Context(), localaws.Options{Engine: localaws.Docker, NoData: true, Factor: 60})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	cluster := aws.String("bench")
	if _, err := seed.RunService(b.Context(), s, *cluster, sample(b, s)); err != nil {
		b.Fatal(err)
	}
	client := ecs.NewFromConfig(s.Config())
	for b.Loop() {
		_, err := client.UpdateService(b.Context(), &ecs.UpdateServiceInput{Cluster: cluster, Service: aws.String(seed.Service),
			ForceNewDeployment: true})
		for done := false; !done && err == nil; time.Sleep(20 * time.Millisecond) {
			var out *ecs.DescribeServicesOutput
			out, err = client.DescribeServices(b.Context(), &ecs.DescribeServicesInput{Cluster: cluster, Services: []string{seed.Service}})
			done = err == nil && out.Services[0].Deployments[0].RolloutState == types.DeploymentRolloutStateCompleted
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}
