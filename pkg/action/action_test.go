package action_test

import (
	"context"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/org/shipkit/pkg/action"
	"github.com/org/shipkit/pkg/action/actiontest"
)

type common struct {
	Region string `input:"aws-region"`
}

type inputs struct {
	common
	URL     *url.URL          `input:"url"`
	Timeout time.Duration     `input:"timeout" min:"1s" max:"6h"`
	Mode    string            `input:"mode" oneof:"auto,always,off"`
	Tags    []string          `input:"tags" sep:","`
	Args    []action.KeyValue `input:"build-args"`
	Limit   action.Rate       `input:"bandwidth-limit"`
	Max     action.Bytes      `input:"max-upload" min:"1MB"`
	Count   *int              `input:"desired-count" min:"0"`
	Share   float64           `input:"share" min:"0" max:"1"`
	Token   string            `input:"token" secret:"true"`
	Checks  action.File       `input:"checks"`
	DryRun  bool              `input:"dry-run"`
}

const metadata = `
name: Sample
description: Does nothing. At length.
inputs:
  aws-region: {description: Region.}
  url: {description: Address to ask. Any., required: true}
  timeout: {description: Time for all., default: 90s}
  mode: {description: Mode., default: auto}
  tags: {description: Tags.}
  build-args: {description: Arguments.}
  bandwidth-limit: {description: Limit.}
  max-upload: {description: Most., default: 64MB}
  desired-count: {description: Count.}
  share: {description: Share., default: "0.5"}
  token: {description: Token., default: "${{ github.token }}"}
  checks: {description: File.}
  dry-run: {description: Only plan., default: "false"}
outputs:
  status: {description: Status.}
  text: {description: Text.}
runs: {using: node24, main: index.js}
`

func sample(run func(ctx context.Context, rt *action.Runtime, in inputs) error, options ...action.Option) action.Spec {
	return action.Define("sample", []byte(metadata), run, options...)
}

func TestBindsEveryType(t *testing.T) {
	var got inputs
	spec := sample(func(_ context.Context, rt *action.Runtime, in inputs) error {
		got = in
		rt.SetOutput("status", "ok")
		return nil
	})
	result := actiontest.Run(t.Context(), t, actiontest.Step{Spec: spec, With: map[string]string{
		"aws-region": " eu-west-1 ", "url": "https://example.com/x", "tags": "a, b\n\nc", "build-args": "A=1\nB=x=y",
		"bandwidth-limit": "8Mbit", "desired-count": "0", "token": "s3cret-token", "checks": "action_test.go", "dry-run": "true",
	}})
	if result.ExitCode != 0 || result.Outputs["status"] != "ok" {
		t.Fatalf("%+v", result)
	}
	count := 0
	want := inputs{
		common: common{Region: "eu-west-1"}, URL: got.URL, Timeout: 90 * time.Second, Mode: "auto", Tags: []string{"a", "b", "c"},
		Args: []action.KeyValue{{Key: "A", Value: "1"}, {Key: "B", Value: "x=y"}}, Limit: 1_000_000, Max: 64_000_000,
		Count: &count, Share: 0.5, Token: "s3cret-token", Checks: "action_test.go", DryRun: true,
	}
	if diff := cmpDiff(want, got); diff != "" || got.URL.String() != "https://example.com/x" {
		t.Error(diff, got.URL)
	}
	if !strings.Contains(result.Log, "::add-mask::s3cret-token") {
		t.Error("the token is not masked:", result.Log)
	}
}

func cmpDiff(want, got any) string {
	return cmp.Diff(want, got, cmp.AllowUnexported(inputs{}), cmp.Comparer(func(a, b *url.URL) bool { return a.String() == b.String() }))
}
