// Package buildimage is the action build-image: it builds a container image
// and pushes only what changed, over a link that drops.
package buildimage

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/org/shipkit/pkg/action"
	"github.com/org/shipkit/pkg/build"
	"github.com/org/shipkit/pkg/diag"
	"github.com/org/shipkit/pkg/registry"
)

//go:embed action.yml
var metadata []byte

// Spec builds an image and pushes what changed of it.
var Spec = action.Define("build-image", metadata, run)

func run(ctx context.Context, rt *action.Runtime, in inputs) (err error) {
	j, err := in.job(rt)
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp(rt.Getenv("RUNNER_TEMP"), "shipkit-build-image-")
	if err != nil {
		return fmt.Errorf("make a folder for temporary files: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	clients := newClients(rt, j)
	defer clients.link.Close()

	built, err := clients.build(ctx, rt, work)
	if err != nil {
		return explainDisk(err, work)
	}
	defer func() { err = errors.Join(err, built.Close()) }()
	setBuildOutputs(rt, built)
	if !j.Push && !j.DryRun || len(j.targets) == 0 {
		rt.Infof("built, not pushed: set `push: true` and `tags` to push")
		return nil
	}
	return push(ctx, rt, clients, built, work)
}

// push plans, shows the plan and carries it out.
func push(ctx context.Context, rt *action.Runtime, c *clients, built *build.Built, work string) error {
	started := time.Now()
	p, err := c.planner(work).plan(ctx, built)
	if err != nil {
		return explainDisk(err, work)
	}
	rt.Infof("%s", planText(p))
	rt.Annotate(p.warnings()...)
	setPlanOutputs(rt, p)
	if err := p.checkSize(int64(c.job.MaxUpload)); err != nil || c.job.DryRun {
		rt.Summary(planView(p))
		return err
	}
	err = c.pusher().apply(ctx, p)
	result := result{plan: p, sent: c.link.Sent(), received: c.link.Received(), took: time.Since(started), err: err}
	rt.Summary(summaryView(result))
	setResultOutputs(rt, result, built.Metadata)
	if err == nil {
		rt.Infof("%s", result.headline())
	}
	return err
}

// explainDisk says where to make room when there was none for a file of ours
// or of Docker's.
func explainDisk(err error, work string) error {
	var known *diag.Diagnostic
	if errors.As(err, &known) || !registry.IsDiskFull(err) && !strings.Contains(err.Error(), syscall.ENOSPC.Error()) {
		return err
	}
	return &diag.Diagnostic{
		Summary: err.Error(), Err: err,
		Try: "free space in " + filepath.Dir(work) + ", or set RUNNER_TEMP to a larger disk: it takes the changed files twice",
	}
}
