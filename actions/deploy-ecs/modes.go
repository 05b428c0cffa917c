package deployecs

import (
	"context"
	"errors"

	"github.com/org/shipkit/pkg/action"
	"github.com/org/shipkit/pkg/ecsdeploy"
)

func makePlan(ctx context.Context, c *ecsdeploy.Clients, request ecsdeploy.Request, in inputs) (*ecsdeploy.Plan, error) {
	if in.Mode == "rollback" {
		return ecsdeploy.NewRollbackPlan(ctx, c, request, in.RollbackTo)
	}
	return ecsdeploy.NewPlan(ctx, c, request)
}

// status shows what runs and changes nothing.
func status(ctx context.Context, rt *action.Runtime, c *ecsdeploy.Clients, request ecsdeploy.Request) error {
	reports, err := ecsdeploy.Read(ctx, c, request.Cluster, request.Services)
	rt.Summary(statusView(reports))
	rt.Infof("%s", statusText(reports))
	statusOutputs(rt, reports)
	return err
}

// promote answers the pauses of the services' deployments and follows them.
func promote(ctx context.Context, rt *action.Runtime, c *ecsdeploy.Clients, request ecsdeploy.Request, in inputs) error {
	found, err := ecsdeploy.FindPromotions(ctx, c, request.Cluster, request.Services)
	if err != nil {
		return refused(rt, err)
	}
	rt.Infof("%s", promotionText(found))
	promotionOutputs(rt, found)
	if in.DryRun {
		rt.Summary(promotionView(found))
		rt.SetOutput("deployment-status", "planned")
		return nil
	}
	result, err := ecsdeploy.Promote(ctx, c, found, request.Wait, ecsdeploy.Hooks{Started: remember(rt, in), Progress: rt.Progress()})
	rt.Summary(resultView(result, nil, err))
	forget(rt, result)
	resultOutputs(rt, result, nil, err)
	return errors.Join(err, result.Err())
}
