package ephemeralenv

import (
	"context"
	"os"

	"github.com/org/shipkit/pkg/action"
)

// asAction has the test's binary be the action, for tests that kill it.
const asAction = "SHIPKIT_TEST_AS_ACTION"

func init() {
	if os.Getenv(asAction) != "" {
		host := action.Host{Stdout: os.Stdout, Stderr: os.Stderr, Environ: os.Environ()}
		os.Exit(action.Program{Specs: []action.Spec{Spec}}.Main(context.Background(), host, []string{"ephemeral-env"}))
	}
}
