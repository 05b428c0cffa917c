package deployecs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/org/shipkit/pkg/action"
	"github.com/org/shipkit/pkg/diag"
	"github.com/org/shipkit/pkg/ecsdeploy"
)

// postTime is how long the post phase looks: the runner ends a cancelled job
// after five minutes.
const postTime = 4*time.Minute + 30*time.Second

// memory is what the post phase needs to see an interrupted deployment
// through.
type memory struct {
	Region, Account string
	Retries         int
	Rollback        bool
	Poll            time.Duration
	Deployments     []ecsdeploy.Handle
}

// remember returns a hook that saves each started deployment at once: a step
// that is killed has no time for it.
func remember(rt *action.Runtime, in inputs) func(ecsdeploy.Handle) {
	m := memory{Region: in.Region, Account: in.ExpectedAccount, Retries: in.MaxRetries, Rollback: in.Rollback}
	if in.MaxDelaySeconds != nil {
		m.Poll = time.Duration(*in.MaxDelaySeconds) * time.Second
	}
	var mu sync.Mutex
	return func(h ecsdeploy.Handle) {
		mu.Lock()
		defer mu.Unlock()
		m.Deployments = append(m.Deployments, h)
		if text, err := json.Marshal(m); err == nil { // a struct of texts and times always encodes
			rt.SaveState("deployments", string(text))
		}
	}
}

// forget tells the post phase that there is nothing left to do, unless a
// rollback was only asked for.
func forget(rt *action.Runtime, result *ecsdeploy.Result) {
	for _, v := range result.Services {
		if v.Outcome == ecsdeploy.Cancelled && v.RollbackRequested {
			return
		}
	}
	rt.SaveState("done", "true")
}

// post sees the rollback of a cancelled or killed step through.
func post(ctx context.Context, rt *action.Runtime) error {
	if rt.State("done") == "true" || rt.State("deployments") == "" {
		return nil
	}
	var m memory
	if err := json.Unmarshal([]byte(rt.State("deployments")), &m); err != nil {
		return fmt.Errorf("read what the step saved: %w", err)
	}
	if !m.Rollback {
		return nil
	}
	clients, err := connect(ctx, rt, m.Region, m.Account, m.Retries)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, postTime)
	defer cancel()
	result := &ecsdeploy.Result{Changed: true}
	var unfinished []error
	for _, handle := range m.Deployments {
		wait := ecsdeploy.Wait{Until: ecsdeploy.UntilCompleted, Timeout: postTime, Poll: m.Poll, Rollback: true}
		v := ecsdeploy.SeeThrough(ctx, clients, handle, wait, rt.Progress())
		result.Services = append(result.Services, v)
		if !v.RolledBack && !v.Outcome.OK() {
			unfinished = append(unfinished, &diag.Diagnostic{
				Summary: fmt.Sprintf("service %s: %s", v.Service, v.Headline()),
				Try:     "look at the service with mode: status; mode: rollback puts the previous revision back",
			})
		}
	}
	rt.Summary(postView(result))
	return errors.Join(unfinished...)
}
