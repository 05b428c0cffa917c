package main

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/org/shipkit/internal/localaws"
	"github.com/org/shipkit/pkg/action"
	"github.com/org/shipkit/pkg/action/actiontest"
)

const settings = `
customer: xy
project: "0146"
defaults: {region: eu-west-1}
environments:
  dev: {cluster: dev}
  staging: {cluster: staging, promote-from: dev}
  production: {cluster: main, promote-from: staging}
`

// TestEnvironmentOfAPromotion: an environment that is none, or another than
// meant, is told before AWS is asked anything.
func TestEnvironmentOfAPromotion(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile(".shipkit.yml", []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	server, err := localaws.Start(t.Context(), localaws.Options{NoData: true, Engine: localaws.Process})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	key, variables := server.SessionEnv("action")
	env := map[string]string{}
	for _, variable := range variables {
		name, value, _ := strings.Cut(variable, "=")
		env[name] = value
		t.Setenv(name, value)
	}
	spec := specs[slices.IndexFunc(specs, func(s action.Spec) bool { return s.Name() == "promote-snapshot" })]
	for name, test := range map[string]struct {
		with  map[string]string
		code  int
		wants []string
	}{
		"unknown": {map[string]string{"environment": "live"}, 2, []string{
			`environment "live" is not in .shipkit.yml`, `one of ["dev" "production" "staging"]`}},
		"a slip": {map[string]string{"environment": "stagign"}, 2, []string{
			`environment "stagign" is not in .shipkit.yml`, `did you mean "staging"?`}},
		"no file": {map[string]string{"environment": "staging", "config": "elsewhere.yml"}, 2, []string{
			"is looked up in elsewhere.yml, which cannot be read", "check the repository out first"}},
		"none": {nil, 2, []string{"inputs environment and namespace: none given"}},
		"another's namespace": {map[string]string{"environment": "staging", "namespace": "xy-0146-production"}, 2, []string{
			"the environment is staging, but xy-0146-production is another's namespace"}},
		"unknown source": {map[string]string{"environment": "staging", "from": "dve"}, 1, []string{
			"environment xy-0146-dve has no database", "source-database"}},
		"its own source": {map[string]string{"environment": "production"}, 1, []string{"environment xy-0146-staging has no database"}},
		"both the same":  {map[string]string{"environment": "staging", "namespace": "xy-0146-staging"}, 1, []string{"environment xy-0146-dev has no database"}},
	} {
		t.Run(name, func(t *testing.T) {
			server.Faults.Forget()
			with := map[string]string{"data-authority": "source"}
			for input, value := range test.with {
				with[input] = value
			}
			got := actiontest.Run(t.Context(), t, actiontest.Step{Spec: spec, With: with, Env: env, Fill: fill})
			for _, want := range test.wants {
				if !strings.Contains(got.Log, want) {
					t.Errorf("the log lacks %q:\n%s", want, got.Log)
				}
			}
			if got.ExitCode != test.code {
				t.Errorf("exit %d, not %d", got.ExitCode, test.code)
			}
			for _, call := range server.Calls() {
				if call.AccessKeyID == key && (test.code == 2 || !strings.HasPrefix(call.Operation, "Get")) {
					t.Errorf("it called %s %s", call.Service, call.Operation)
				}
			}
		})
	}
}
