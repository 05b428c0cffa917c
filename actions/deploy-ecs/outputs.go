package deployecs

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/org/shipkit/pkg/action"
	"github.com/org/shipkit/pkg/diag"
	"github.com/org/shipkit/pkg/ecsdeploy"
)

// planOutputs sets what is known before anything changes, and writes the
// rendered task definition where later steps can read it.
func planOutputs(rt *action.Runtime, plan *ecsdeploy.Plan) error {
	rt.SetOutput("changed", strconv.FormatBool(plan.Changed()))
	rt.SetOutput("previous-task-definition-arn", lines(plan.Services, func(s *ecsdeploy.ServicePlan) string { return s.Before }))
	images := map[string]string{}
	for container, image := range plan.Images {
		images[container] = image.Ref
	}
	imageOutput(rt, images)
	if plan.TaskDefinition != "" {
		rt.SetOutput("task-definition-arn", plan.TaskDefinition)
	}
	if plan.Target == nil {
		return nil
	}
	body, err := plan.Target.JSON()
	if err != nil {
		return err
	}
	file, err := os.CreateTemp(rt.Getenv("RUNNER_TEMP"), "task-definition-*.json")
	if err != nil {
		return fmt.Errorf("write the rendered task definition: %w", err)
	}
	rt.SetOutput("task-definition", file.Name())
	_, err = file.Write(body)
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return fmt.Errorf("write the rendered task definition: %w", err)
	}
	return nil
}

// imageOutput sets the images as they can be given to the input `images` again.
func imageOutput(rt *action.Runtime, images map[string]string) {
	var out []string
	for _, container := range slices.Sorted(maps.Keys(images)) {
		if ref := images[container]; ref != "" {
			out = append(out, container+"="+ref)
		}
	}
	if len(out) > 0 {
		rt.SetOutput("image-digests", strings.Join(out, "\n"))
	}
}

// refused sets the outputs of a step that changed nothing, and returns err.
func refused(rt *action.Runtime, err error) error {
	rt.SetOutput("changed", "false")
	rt.SetOutput("rolled-back", "false")
	rt.SetOutput("deployment-status", string(ecsdeploy.Failed))
	failureOutput(rt, err)
	return err
}

func failureOutput(rt *action.Runtime, errs ...error) {
	if list := diag.From(errors.Join(errs...)); len(list) > 0 {
		rt.SetOutput("failure-reason", list[0].Summary)
	}
}

// resultOutputs sets how it ended. The plan is nil after a promotion.
func resultOutputs(rt *action.Runtime, r *ecsdeploy.Result, plan *ecsdeploy.Plan, err error) {
	rt.SetOutput("changed", strconv.FormatBool(r.Changed))
	rt.SetOutput("task-definition-arn", r.TaskDefinition)
	rt.SetOutput("duration", fmt.Sprintf("%.1f", r.Took.Seconds()))
	rt.SetOutput("deployment-status", statusOf(r, err))
	rt.SetOutput("rolled-back", strconv.FormatBool(allRolledBack(r)))
	rt.SetOutput("hook-id", lines(r.Services, func(v ecsdeploy.Verdict) string { return v.Hook.ID }))
	rt.SetOutput("previous-task-definition-arn", lines(r.Services, func(v ecsdeploy.Verdict) string { return v.Before }))
	for _, v := range r.Services { // of one revision, all the same
		imageOutput(rt, v.Images)
	}
	codeDeploy := map[string]bool{}
	if plan != nil {
		for _, s := range plan.Services {
			codeDeploy[s.Name] = s.Action == ecsdeploy.ActionCodeDeploy
		}
	}
	ids := func(byCodeDeploy bool) string {
		return lines(r.Services, func(v ecsdeploy.Verdict) string {
			if codeDeploy[v.Service] != byCodeDeploy {
				return ""
			}
			return v.Deployment
		})
	}
	rt.SetOutput("service-deployment-arn", ids(false))
	rt.SetOutput("codedeploy-deployment-id", ids(true))
	if len(r.RunTasks) > 0 {
		if text, err := json.Marshal(r.RunTasks); err == nil { // texts always encode
			rt.SetOutput("run-task-arn", string(text))
		}
	}
	failureOutput(rt, err, r.Err())
}

// promotionOutputs sets what is known before a promotion.
func promotionOutputs(rt *action.Runtime, found []ecsdeploy.Promotion) {
	rt.SetOutput("changed", "true")
	rt.SetOutput("task-definition-arn", lines(found, func(p ecsdeploy.Promotion) string { return p.Definition }))
	rt.SetOutput("previous-task-definition-arn", lines(found, func(p ecsdeploy.Promotion) string { return p.Service.Before }))
	rt.SetOutput("service-deployment-arn", lines(found, func(p ecsdeploy.Promotion) string { return p.Deployment }))
	rt.SetOutput("hook-id", lines(found, func(p ecsdeploy.Promotion) string { return p.Hook.ID }))
	for _, p := range found {
		imageOutput(rt, p.Images)
	}
}

func statusOf(r *ecsdeploy.Result, err error) string {
	switch outcome := r.Outcome(); {
	case err != nil && (outcome == "" || outcome.OK()):
		return string(ecsdeploy.Failed)
	case outcome == "":
		return "registered"
	default:
		return string(outcome)
	}
}

func allRolledBack(r *ecsdeploy.Result) bool {
	for _, v := range r.Services {
		if !v.RolledBack {
			return false
		}
	}
	return len(r.Services) > 0
}

func statusOutputs(rt *action.Runtime, reports []ecsdeploy.Report) {
	rt.SetOutput("task-definition-arn", lines(reports, func(r ecsdeploy.Report) string { return r.TaskDefinition }))
	rt.SetOutput("deployment-status", lines(reports, func(r ecsdeploy.Report) string {
		return strings.ToLower(strings.ReplaceAll(string(r.Snapshot.Status), "_", "-"))
	}))
	rt.SetOutput("hook-id", lines(reports, func(r ecsdeploy.Report) string { return r.Snapshot.Hook.ID }))
	rt.SetOutput("service-deployment-arn", lines(reports, ecsdeploy.Report.Newest))
	rt.SetOutput("changed", "false")
	for _, r := range reports {
		imageOutput(rt, r.Images)
	}
}

// lines joins what each item says, without empty ones and repetitions.
func lines[T any](items []T, text func(T) string) string {
	var out []string
	for _, item := range items {
		if line := text(item); line != "" && !slices.Contains(out, line) {
			out = append(out, line)
		}
	}
	return strings.Join(out, "\n")
}
