package ecs_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awsecs "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/smithy-go"

	"github.com/org/shipkit/internal/localaws/clock"
	"github.com/org/shipkit/internal/localaws/ecs"
	"github.com/org/shipkit/internal/localaws/keyring"
	"github.com/org/shipkit/internal/localaws/wire"
)

// client is the SDK's, against ECS on fakes and a thousand times as fast as time.
func client(tb testing.TB) *awsecs.Client {
	tb.Helper()
	c, _ := clientOf(tb, 1000)
	return c
}

// clientOf is a client of ECS that is so much faster than time.
func clientOf(tb testing.TB, factor float64) (*awsecs.Client, *ecs.Service) {
	tb.Helper()
	c := clock.New(factor)
	s := ecs.New(ecs.Deps{Clock: c, Engine: &engine{}})
	mux := wire.NewMux(keyring.New(), nil)
	mux.Add(s.Wire())
	server := httptest.NewServer(mux)
	tb.Cleanup(func() {
		server.Close()
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
		c.Close()
	})
	return awsecs.NewFromConfig(aws.Config{Region: wire.DefaultRegion, BaseEndpoint: aws.String(server.URL),
		Credentials: credentials.NewStaticCredentialsProvider(wire.DefaultAccessKey, wire.DefaultSecretKey, "")}), s
}

// serve makes cluster, task definition and service through the SDK and waits with the SDK's own waiter.
func serve(tb testing.TB, c *awsecs.Client) {
	tb.Helper()
	ctx := context.Background()
	must(c.CreateCluster(ctx, &awsecs.CreateClusterInput{ClusterName: aws.String("shop")}))
	must(c.RegisterTaskDefinition(ctx, &awsecs.RegisterTaskDefinitionInput{
		Family: aws.String("web"), ContainerDefinitions: []types.ContainerDefinition{{
			Name: aws.String("web"), Image: aws.String("web:v1"), Memory: aws.Int32(128),
			HealthCheck: &types.HealthCheck{Command: []string{"CMD", "/web"}},
		}},
	}))
	must(c.CreateService(ctx, &awsecs.CreateServiceInput{
		Cluster: aws.String("shop"), ServiceName: aws.String("web"), TaskDefinition: aws.String("web"), DesiredCount: aws.Int32(2),
	}))
	waiter := awsecs.NewServicesStableWaiter(c, func(o *awsecs.ServicesStableWaiterOptions) {
		o.MinDelay, o.MaxDelay = 10*time.Millisecond, 50*time.Millisecond
	})
	in := &awsecs.DescribeServicesInput{Cluster: aws.String("shop"), Services: []string{"web"}}
	if err := waiter.Wait(ctx, in, time.Minute); err != nil {
		tb.Fatal(err)
	}
}

func TestOverTheWire(t *testing.T) {
	c := client(t)
	serve(t, c)
	list := must(c.ListServiceDeployments(t.Context(), &awsecs.ListServiceDeploymentsInput{
		Cluster: aws.String("shop"), Service: aws.String("web"), CreatedAt: &types.CreatedAt{After: aws.Time(time.Now().Add(-time.Hour))},
	}))
	d := must(c.DescribeServiceDeployments(t.Context(), &awsecs.DescribeServiceDeploymentsInput{
		ServiceDeploymentArns: []string{*list.ServiceDeployments[0].ServiceDeploymentArn},
	})).ServiceDeployments[0]
	if d.TargetServiceRevision.RunningTaskCount != 2 || d.DeploymentCircuitBreaker.Status != types.ServiceDeploymentRollbackMonitorsStatusDisabled {
		t.Errorf("service deployment %+v", d)
	}
	_, err := c.UpdateService(t.Context(), &awsecs.UpdateServiceInput{Cluster: aws.String("shop"), Service: aws.String("none")})
	var missing *types.ServiceNotFoundException
	if !errors.As(err, &missing) {
		t.Errorf("an unknown service: %v", err)
	}
	_, err = c.DeleteCluster(t.Context(), &awsecs.DeleteClusterInput{Cluster: aws.String("shop")})
	var full *types.ClusterContainsServicesException
	if !errors.As(err, &full) {
		t.Errorf("a cluster in use: %v", err)
	}
}

func TestThrottle(t *testing.T) {
	c, s := clientOf(t, 0.001) // time all but stands still
	register := func() error {
		_, err := c.RegisterTaskDefinition(t.Context(), &awsecs.RegisterTaskDefinitionInput{
			Family: aws.String("web"), ContainerDefinitions: []types.ContainerDefinition{{
				Name: aws.String("web"), Image: aws.String("web:v1"), Memory: aws.Int32(128),
			}},
		}, func(o *awsecs.Options) { o.RetryMaxAttempts = 1 })
		return err
	}
	s.Throttle(true)
	for i := range 20 {
		if err := register(); err != nil {
			t.Fatalf("call %d of a burst of 20: %v", i+1, err)
		}
	}
	var api smithy.APIError
	if err := register(); !errors.As(err, &api) || api.ErrorCode() != "ThrottlingException" {
		t.Errorf("the call after the burst: %v", err)
	}
	s.Throttle(false)
	if err := register(); err != nil {
		t.Error("without limits:", err)
	}
}

// BenchmarkDescribeServices is one call of the SDK's client; the target is 1,000 a second on two cores.
func BenchmarkDescribeServices(b *testing.B) {
	c := client(b)
	serve(b, c)
	in := &awsecs.DescribeServicesInput{Cluster: aws.String("shop"), Services: []string{"web"}}
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := c.DescribeServices(context.Background(), in); err != nil {
				b.Error(err)
			}
		}
	})
}
