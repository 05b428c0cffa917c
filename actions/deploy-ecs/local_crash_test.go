package deployecs_test

import (
	"regexp"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/org/shipkit/internal/awstest/image"
	"github.com/org/shipkit/internal/localaws"
)

// A crash loop is reported with its log within three failures. The clock runs
// six times as fast as ours and the step looks every second: as it does on AWS
// with the default of six seconds.
func TestCrashLoop(t *testing.T) {
	w := start(t, localaws.Options{Factor: 6, Engine: localaws.Process})
	w.register("web", w.push("v1", image.Web{}), nil)
	must(w.ecs.CreateService(t.Context(), &ecs.CreateServiceInput{
		Cluster: aws.String("shop"), ServiceName: aws.String("web"), TaskDefinition: aws.String("web"), DesiredCount: aws.Int32(1),
		LaunchType: types.LaunchTypeFargate, NetworkConfiguration: network(),
	}))(w)
	w.until("v1 is steady", func() bool {
		d := w.describe().Deployments
		return len(d) == 1 && d[0].RolloutState == types.DeploymentRolloutStateCompleted
	})
	got := w.step(t.Context(), map[string]string{"images": "web=" + w.push("bad", image.Web{Mode: "exit:1"})})
	outputs(t, got, 1, map[string]string{"deployment-status": "failed", "rolled-back": "true"})
	wants(t, got.Summary, "tasks failed alike: container web exits with code 1", "Last lines of `/web ecs/web/", "exit 1\n")
	first := regexp.MustCompile(`(\d+) tasks? failed: container web exits with code 1`).FindStringSubmatch(got.Log)
	if first == nil || first[1] > "3" {
		t.Errorf("first reported after %q", first)
	}
}
