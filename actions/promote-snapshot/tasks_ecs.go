package promotesnapshot

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/org/shipkit/pkg/diag"
	"github.com/org/shipkit/pkg/ecsdeploy"
	"github.com/org/shipkit/pkg/snapshot/database"
)

// ecsTask is a task definition, and where it runs.
type ecsTask struct {
	input, definition string
	clients           *ecsdeploy.Clients
	cluster           string
	// services lend their network if no subnets are given.
	services, subnets, groups []string
}

// mask is the task that masks. It runs where the quarantine stands, in the
// source's account and region.
func (t *tasks) mask() ecsTask {
	task := t.beside("mask-task", t.inputs.MaskTask)
	task.clients, task.subnets, task.groups = t.source, t.inputs.MaskSubnets, t.inputs.MaskGroups
	if t.inputs.MaskCluster != "" {
		task.cluster, task.services = t.inputs.MaskCluster, nil
	}
	return task
}

// beside is a task that runs beside the services.
func (t *tasks) beside(input, definition string) ecsTask {
	return ecsTask{input: input, definition: definition, clients: t.target, cluster: t.inputs.Cluster, services: t.inputs.Services}
}

// Problems finds what would keep the tasks from being run, before anything is
// made.
func (t *tasks) Problems(ctx context.Context) (problems diag.List, err error) {
	for _, task := range []ecsTask{t.mask(), t.beside("migrate-task", t.inputs.MigrateTask), t.beside("verify-task", t.inputs.VerifyTask)} {
		if task.definition == "" {
			continue
		}
		found, err := t.problems(ctx, task)
		if err != nil {
			return nil, err
		}
		problems.Add(found...)
	}
	return problems, nil
}

func (t *tasks) problems(ctx context.Context, task ecsTask) (problems diag.List, err error) {
	definition, err := task.describe(ctx)
	var refused *types.ClientException
	if errors.As(err, &refused) {
		problems.Errorf("register it there, or name another; list them with: aws ecs list-task-definitions",
			"input %s: task definition %q is not there in %s of account %s", task.input, task.definition, task.clients.Region, task.clients.Account)
		return problems, nil
	}
	if err != nil {
		return nil, err
	}
	if definition.NetworkMode == types.NetworkModeAwsvpc && len(task.services)+len(task.subnets) == 0 {
		try := "name a service in services, whose network it takes"
		if task.input == "mask-task" {
			try = "give mask-subnets and mask-security-groups, from where the source database can be reached"
		}
		problems.Errorf(try, "input %s: task definition %q has network mode awsvpc, and nothing says in which network it runs",
			task.input, task.definition)
	}
	task.services = nil // they have a gate of their own
	plan, err := ecsdeploy.NewPlan(ctx, task.clients, t.request(task, definition, database.Database{}))
	if err != nil {
		return append(problems, named(task.input, diag.From(err))...), nil
	}
	return append(problems, named(task.input, plan.Warnings)...), nil
}

// named puts the input before what is wrong with it.
func named(input string, found diag.List) diag.List {
	for _, d := range found {
		d.Summary = "input " + input + ": " + d.Summary
	}
	return found
}

// ecs runs a task definition and waits for its exit code.
func (t *tasks) ecs(ctx context.Context, task ecsTask, db database.Database) error {
	if task.definition == "" {
		return nil
	}
	definition, err := task.describe(ctx)
	if err != nil {
		return err
	}
	plan, err := ecsdeploy.NewPlan(ctx, task.clients, t.request(task, definition, db))
	if err != nil {
		return err //nolint:wrapcheck // the findings name the task definition
	}
	result, err := ecsdeploy.Apply(ctx, task.clients, plan, t.hooks)
	return errors.Join(err, result.Err())
}

func (task ecsTask) describe(ctx context.Context) (*types.TaskDefinition, error) {
	out, err := task.clients.TaskDefinitions.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: &task.definition})
	if err != nil {
		return nil, fmt.Errorf("describe task definition %s: %w", task.definition, err)
	}
	return out.TaskDefinition, nil
}

// request runs a task with the network that it was given, or else with that of
// the services.
func (t *tasks) request(task ecsTask, definition *types.TaskDefinition, db database.Database) ecsdeploy.Request {
	revision := aws.ToString(definition.TaskDefinitionArn)
	run := &ecsdeploy.RunTask{
		Subnets: task.subnets, Groups: task.groups, StartedBy: "shipkit", Wait: true,
		// A run that goes on after one that died finds that one's task.
		Token: fmt.Sprintf("%x", sha256.Sum256([]byte(strings.Join([]string{task.input, revision, db.ARN, db.ResourceID, db.Endpoint}, " ")))),
	}
	for _, container := range definition.ContainerDefinitions {
		run.Overrides = append(run.Overrides, types.ContainerOverride{Name: container.Name, Environment: variables(db)})
	}
	if len(task.services) == 0 && !slices.Contains(definition.Compatibilities, types.CompatibilityFargate) {
		run.LaunchType = types.LaunchTypeEc2
	}
	return ecsdeploy.Request{
		Cluster: task.cluster, Services: task.services, RegisterOnly: true, RunTask: run,
		Source: ecsdeploy.Source{Registered: revision},
		Wait:   ecsdeploy.Wait{Timeout: time.Duration(t.inputs.Minutes) * time.Minute, LogLines: 20, Poll: t.poll},
	}
}
