package buildimage

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/org/shipkit/internal/localaws"
	"github.com/org/shipkit/internal/localaws/registry"
	"github.com/org/shipkit/internal/policytest"
	"github.com/org/shipkit/pkg/action/actiontest"
)

// The password, the pieces and the answers of ECR, against local AWS.
func TestPushToECR(t *testing.T) {
	server, err := localaws.Start(t.Context(), localaws.Options{NoData: true, Dir: t.TempDir(), Registry: registry.ECR})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	env := map[string]string{"HOME": t.TempDir()}
	id, variables := server.SessionEnv("action")
	for _, pair := range variables {
		key, value, _ := strings.Cut(pair, "=")
		env[key] = value
		t.Setenv(key, value) // the SDK reads the process's own
	}
	created, err := ecr.NewFromConfig(server.Config()).CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: aws.String("shop")})
	if err != nil {
		t.Fatal(err)
	}
	tag := aws.ToString(created.Repository.RepositoryUri) + ":latest"
	push := func(f files, with ...string) actiontest.Result {
		inputs := map[string]string{
			"source": ociLayout(t, built(t, f, yesterday, "amd64")), "tags": tag, "push": "true", "registry-profile": "ecr",
		}
		for i := 0; i < len(with); i += 2 {
			inputs[with[i]] = with[i+1]
		}
		result := actiontest.Run(t.Context(), t, actiontest.Step{Spec: Spec, Env: env, With: inputs})
		if result.ExitCode != 0 {
			t.Fatalf("exit code %d:\n%s", result.ExitCode, result.Log)
		}
		return result
	}
	large := app().with(files{"srv/larger": noise(3, 25<<20)})
	push(large)
	second := push(large.with(files{"srv/f001": "changed"}))
	if second.Outputs["delta-files"] != "1" || bytesOf(t, second, "bytes-sent") > 20_000 {
		t.Errorf("outputs %v", second.Outputs)
	}
	ecsService(t, server, aws.ToString(created.Repository.RepositoryUri)+"@"+second.Outputs["digest"])
	env["HOME"] = t.TempDir() // another runner, that remembers no push
	tag = aws.ToString(created.Repository.RepositoryUri) + ":v3"
	third := push(large.with(files{"srv/f002": "changed"}), "previous-service", "shop/web")
	if third.Outputs["previous-digest"] != second.Outputs["digest"] || third.Outputs["delta-files"] != "2" {
		t.Errorf("outputs %v", third.Outputs)
	}
	tag = aws.ToString(created.Repository.RepositoryUri) + ":v4"
	env["HOME"] = t.TempDir()
	if fourth := push(large, "previous-service", "shop/absent", "dry-run", "true"); !strings.Contains(fourth.Log, "shop/absent runs no image of") {
		t.Errorf("no note of a service that does not exist:\n%s", fourth.Log)
	}
	policytest.Covers(t, server.Calls(), id, "README.md")
	for key, password := range map[string]string{"log": second.Log, "summary": second.Summary} {
		if strings.Contains(password, "Basic ") || strings.Contains(password, "AWS:") {
			t.Errorf("the %s shows credentials", key)
		}
	}
}

// ecsService makes the service shop/web of an image, with a sidecar from
// elsewhere and no task.
func ecsService(t *testing.T, server *localaws.Server, image string) {
	t.Helper()
	client := ecs.NewFromConfig(server.Config())
	if _, err := client.CreateCluster(t.Context(), &ecs.CreateClusterInput{ClusterName: aws.String("shop")}); err != nil {
		t.Fatal(err)
	}
	network := &types.NetworkConfiguration{AwsvpcConfiguration: &types.AwsVpcConfiguration{Subnets: []string{"subnet-1"}}}
	_, err := client.RegisterTaskDefinition(t.Context(), &ecs.RegisterTaskDefinitionInput{
		Family: aws.String("web"), Cpu: aws.String("256"), Memory: aws.String("512"), NetworkMode: types.NetworkModeAwsvpc,
		RequiresCompatibilities: []types.Compatibility{types.CompatibilityFargate},
		ContainerDefinitions: []types.ContainerDefinition{
			{Name: aws.String("sidecar"), Image: aws.String("public.ecr.aws/x/sidecar:1")}, {Name: aws.String("web"), Image: &image},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.CreateService(t.Context(), &ecs.CreateServiceInput{
		Cluster: aws.String("shop"), ServiceName: aws.String("web"), TaskDefinition: aws.String("web"), DesiredCount: aws.Int32(0),
		LaunchType: types.LaunchTypeFargate, NetworkConfiguration: network,
	})
	if err != nil {
		t.Fatal(err)
	}
}
