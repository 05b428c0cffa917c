package buildimage

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"

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
	push := func(f files) actiontest.Result {
		result := actiontest.Run(t.Context(), t, actiontest.Step{Spec: Spec, Env: env, With: map[string]string{
			"source": ociLayout(t, built(t, f, yesterday, "amd64")), "tags": tag, "push": "true", "registry-profile": "ecr",
		}})
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
	policytest.Covers(t, server.Calls(), id, "README.md")
	for key, password := range map[string]string{"log": second.Log, "summary": second.Summary} {
		if strings.Contains(password, "Basic ") || strings.Contains(password, "AWS:") {
			t.Errorf("the %s shows credentials", key)
		}
	}
}
