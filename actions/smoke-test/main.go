// Package smoketest is the action smoke-test: it asks a service whether it is
// the version that was deployed and whether it answers well.
package smoketest

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/org/shipkit/pkg/action"
	"github.com/org/shipkit/pkg/smoke"
	"github.com/org/shipkit/pkg/smoke/probe"
)

//go:embed action.yml
var metadata []byte

// Spec tells whether the version that was deployed answers, and answers well.
var Spec = action.Define("smoke-test", metadata, run)

func run(ctx context.Context, rt *action.Runtime, in inputs) error {
	suite, err := in.suite(rt.Getenv)
	if err != nil {
		return action.BadInput(err)
	}
	for _, secret := range suite.Secrets {
		rt.Mask(secret)
	}
	if in.DryRun {
		rt.Summary(planView(suite))
		rt.Infof("%s", planText(suite))
		return nil
	}
	client := &probe.Client{Proxy: http.ProxyFromEnvironment}
	defer client.Close()
	result := smoke.Run(ctx, suite, client, smoke.Options{Progress: live(rt)})

	rt.Summary(summaryView(result))
	rt.Annotate(annotations(result)...)
	setOutputs(rt, result)
	reportErr := writeReports(rt, in.ReportDir, result)
	if !result.OK() {
		return errors.Join(errors.New(headline(result)), reportErr)
	}
	return reportErr
}

func setOutputs(rt *action.Runtime, result *smoke.Result) {
	rt.SetOutput("passed", strconv.Itoa(result.Passed))
	rt.SetOutput("failed", strconv.Itoa(result.Failed+result.Skipped))
	rt.SetOutput("warned", strconv.Itoa(result.Warned))
	rt.SetOutput("version-observed", result.Version)
	rt.SetOutput("failure-reason", reason(result))
	rt.SetOutput("duration", fmt.Sprintf("%.1f", result.Duration.Seconds()))
}
