package ephemeralenv

import (
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/org/shipkit/pkg/action/actiontest"
)

// A run ends its environment whatever becomes of its test.
func TestRunEndsItsEnvironment(t *testing.T) {
	p := newPlant(t)
	g := newGate(t)
	for name, test := range map[string]struct {
		command  string
		cancel   bool
		exitCode int
		want     string
	}{
		"passes":    {`test "$SHIPKIT_URL" = ` + p.site + ` && test -e ` + p.dir + `/env-"$SHIPKIT_ENVIRONMENT" && echo 12 of 12`, false, 0, "12 of 12"},
		"fails":     {"echo the cart is empty; exit 3", false, 1, "the cart is empty"},
		"cancelled": {g.command() + " & wait", true, 130, "cancelled by interrupt"},
	} {
		t.Run(name, func(t *testing.T) {
			with := p.with("r1", "true")
			with["command"], with["test-command"], with["namespace"], with["name"] = "run", test.command, "xy-0146-dev", "demo"
			signals := make(chan os.Signal, 1)
			if test.cancel {
				go func() {
					if _, err := os.ReadFile(g.reached); err == nil {
						signals <- syscall.SIGINT
					}
				}()
			}
			got := actiontest.Run(t.Context(), t, actiontest.Step{Spec: Spec, With: with, Signals: signals, Env: map[string]string{
				"GITHUB_REPOSITORY": repository, "GITHUB_RUN_ID": "1", "GITHUB_JOB": "environment",
			}})
			if got.ExitCode != test.exitCode || !strings.Contains(got.Log, test.want) {
				t.Errorf("exit code %d, the log lacks %q:\n%s", got.ExitCode, test.want, got.Log)
			}
			if failed := got.Outputs["failed"]; (failed == "true") != (test.exitCode != 0) {
				t.Errorf("failed: %s", failed)
			}
			p.gone(t)
		})
	}
}
