package e2e

import (
	"strings"
	"testing"

	"github.com/org/shipkit/internal/acttest"
	"github.com/org/shipkit/internal/localaws"
)

// TestHousekeeping runs the workflows that switch off by the clock and that end
// what should not be there.
func TestHousekeeping(t *testing.T) {
	server, err := localaws.Start(t.Context(), localaws.Options{NoData: true, Engine: localaws.Process})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	env := map[string]string{}
	for _, pair := range server.Env() {
		name, value, _ := strings.Cut(pair, "=")
		env[name] = value
	}
	result := acttest.Run(t, acttest.Workflow{
		Env:   env,
		Stubs: acttest.OfOthers,
		Files: map[string]string{".shipkit.yml": `
customer: xy
project: "0146"
environments:
  dev:
    cluster: dev
    hours: mon-fri 08:00-18:00 Africa/Lagos
    inputs:
      ephemeral-env:
        services: web
        schedule-role-arn: arn:aws:iam::111122223333:role/scheduler
`},
		YAML: `
on: push
permissions: {contents: read, id-token: write, pull-requests: write, deployments: write}
jobs:
  off:
    uses: org/shipkit/.github/workflows/off-hours.yml@v1
    with: {environment: dev, databases: main}
  reap:
    uses: org/shipkit/.github/workflows/reap.yml@v1
`})
	if result.ExitCode != 0 || result.Steps["off-hours"] != "success" || result.Steps["reap"] != "success" {
		t.Errorf("exit code %d, steps %v", result.ExitCode, result.Steps)
	}
	if !strings.Contains(result.Summary, "`xy-0146-dev` is off 70 % of the week") {
		t.Error("summary:", result.Summary)
	}
	if t.Failed() {
		t.Log(result.Log, result.Stderr)
	}
}
