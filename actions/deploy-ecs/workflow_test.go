package deployecs_test

import (
	"os"
	"strings"
	"testing"

	"github.com/org/shipkit/internal/acttest"
	"github.com/org/shipkit/internal/awstest/image"
)

// The workflow of a team: a file of the repository, a canary that pauses, a
// second job that promotes, a bad commit that goes back. The released binary
// runs behind its shim, on a runner.
func TestWorkflow(t *testing.T) {
	w := newWorld(t, 60)
	w.run(nil)
	env := map[string]string{"DOCKER_CONFIG": os.Getenv("DOCKER_CONFIG")}
	for _, pair := range w.env {
		name, value, _ := strings.Cut(pair, "=")
		env[name] = value
	}
	result := acttest.Run(t, acttest.Workflow{
		Env:   env,
		Vars:  map[string]string{"GOOD": w.push("v2", image.Web{}), "BAD": w.push("bad", image.Web{Mode: "exit:7"})},
		Files: map[string]string{"deploy/task.yaml": taskFile},
		YAML: `
on: push
jobs:
  canary:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v7
      - id: canary
        uses: org/shipkit/deploy-ecs@v1
        with:
          cluster: shop
          service: web
          task-definition: deploy/task.yaml
          images: web=${{ vars.GOOD }}
          strategy: canary
          canary-percent: 25
          canary-bake-minutes: 1
          pause-at: post-test-traffic-shift
          wait-max-delay-seconds: 1
      - run: echo "it is ${{ steps.canary.outputs.deployment-status }}"
  promote:
    needs: canary
    runs-on: ubuntu-latest
    steps:
      - id: promote
        uses: org/shipkit/deploy-ecs@v1
        with: {mode: promote, cluster: shop, service: web, wait-max-delay-seconds: 1}
  bad:
    needs: promote
    runs-on: ubuntu-latest
    steps:
      - id: bad
        uses: org/shipkit/deploy-ecs@v1
        with:
          cluster: shop
          service: web
          images: web=${{ vars.BAD }}
          strategy: rolling
          pause-at: none
          wait-max-delay-seconds: 1
      - if: failure()
        run: echo "rolled back ${{ steps.bad.outputs.rolled-back }}"
`})
	for job, want := range map[string]string{"canary": "success", "promote": "success", "bad": "failure"} {
		if result.Jobs[job] != want {
			t.Errorf("job %s: %q, want %q", job, result.Jobs[job], want)
		}
	}
	wants(t, result.Log, "it is paused", "rolled back true")
	wants(t, result.Summary, "paused at post-test-traffic-shift", "Container web exits with code 7", "web:2 serves again")
	if w.version() != "v2" {
		t.Errorf("%s serves", w.version())
	}
	if t.Failed() {
		t.Log(result.Log, result.Stderr)
	}
}

const taskFile = `
family: web
cpu: 256
memory: 512
networkMode: awsvpc
requiresCompatibilities: [FARGATE]
containerDefinitions:
  - name: web
    image: replaced
    portMappings:
      - containerPort: 8080
    logConfiguration:
      logDriver: awslogs
      options:
        awslogs-group: /web
        awslogs-region: eu-west-1
        awslogs-stream-prefix: ecs
`
