// Package deployecs is the action deploy-ecs: it deploys to ECS services, says
// truthfully how that ended, and rolls back what did not end well.
package deployecs

import (
	"context"
	_ "embed"
	"errors"

	"github.com/org/shipkit/pkg/action"
	"github.com/org/shipkit/pkg/ecsdeploy"
)

//go:embed action.yml
var metadata []byte

// Spec takes a task definition to healthy services.
var Spec = action.Define("deploy-ecs", metadata, run, action.WithPost(post))

func run(ctx context.Context, rt *action.Runtime, in inputs) error {
	request, warnings, err := in.request(rt.GitHub().Workspace)
	rt.Annotate(warnings...)
	if err != nil {
		return action.BadInput(err)
	}
	clients, err := connect(ctx, rt, in.Region, in.ExpectedAccount, in.MaxRetries)
	if err != nil {
		return err
	}
	switch in.Mode {
	case "status":
		return status(ctx, rt, clients, request)
	case "promote":
		return promote(ctx, rt, clients, request, in)
	}
	plan, err := makePlan(ctx, clients, request, in)
	if err != nil {
		return refused(rt, err)
	}
	rt.Annotate(plan.Warnings...)
	rt.Infof("%s", planText(plan))
	if err := planOutputs(rt, plan); err != nil {
		return err
	}
	if in.DryRun || in.Mode == "plan" {
		rt.Summary(planView(plan))
		rt.SetOutput("deployment-status", "planned")
		return nil
	}
	result, err := ecsdeploy.Apply(ctx, clients, plan, ecsdeploy.Hooks{Started: remember(rt, in), Progress: rt.Progress()})
	rt.Summary(resultView(result, plan, err))
	forget(rt, result)
	resultOutputs(rt, result, plan, err)
	return errors.Join(err, result.Err())
}
