package promotesnapshot

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/org/shipkit/pkg/ecsdeploy"
	"github.com/org/shipkit/pkg/shell"
	"github.com/org/shipkit/pkg/snapshot"
	"github.com/org/shipkit/pkg/snapshot/database"
	"github.com/org/shipkit/pkg/snapshot/sql"
)

// tasks runs what the user wants run against a database, in this order: ECS
// task, SQL, command.
type tasks struct {
	inputs  inputs
	clients *ecsdeploy.Clients
	login   sql.Login
	environ []string
	hooks   ecsdeploy.Hooks
	maskSQL string
	testSQL string
	warmSQL string
}

var _ snapshot.Tasks = (*tasks)(nil)

// Run implements snapshot.Tasks.
func (t *tasks) Run(ctx context.Context, purpose snapshot.Purpose, db database.Database) error {
	switch purpose {
	case snapshot.Mask:
		return errors.Join(t.ecs(ctx, t.inputs.MaskTask, db), t.sql(ctx, t.maskSQL, db, sql.Run),
			t.command(ctx, "mask-command", t.inputs.MaskCommand, db))
	case snapshot.Migrate:
		return t.ecs(ctx, t.inputs.MigrateTask, db)
	case snapshot.Verify:
		if err := t.sql(ctx, t.warmSQL, db, sql.Run); err != nil {
			return fmt.Errorf("warm-up-sql: %w", err)
		}
		return errors.Join(t.ecs(ctx, t.inputs.VerifyTask, db), t.sql(ctx, t.testSQL, db, sql.Check),
			t.command(ctx, "verify-command", t.inputs.VerifyCommand, db))
	default:
		return fmt.Errorf("no task is known for the purpose %s", purpose)
	}
}

// ecs runs a task definition with the services' network, and waits for its
// exit code.
func (t *tasks) ecs(ctx context.Context, definition string, db database.Database) error {
	if definition == "" {
		return nil
	}
	out, err := t.clients.TaskDefinitions.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: &definition})
	if err != nil {
		return fmt.Errorf("describe task definition %s: %w", definition, err)
	}
	var overrides []types.ContainerOverride
	for _, container := range out.TaskDefinition.ContainerDefinitions {
		overrides = append(overrides, types.ContainerOverride{Name: container.Name, Environment: variables(db)})
	}
	plan, err := ecsdeploy.NewPlan(ctx, t.clients, ecsdeploy.Request{
		Cluster: t.inputs.Cluster, Services: t.inputs.Services, RegisterOnly: true,
		Source:  ecsdeploy.Source{Registered: aws.ToString(out.TaskDefinition.TaskDefinitionArn)},
		RunTask: &ecsdeploy.RunTask{Overrides: overrides, StartedBy: "shipkit", Wait: true},
		Wait:    ecsdeploy.Wait{Timeout: time.Duration(t.inputs.Minutes) * time.Minute, LogLines: 20},
	})
	if err != nil {
		return err //nolint:wrapcheck // the findings name the task definition
	}
	result, err := ecsdeploy.Apply(ctx, t.clients, plan, t.hooks)
	return errors.Join(err, result.Err())
}

func (t *tasks) sql(ctx context.Context, text string, db database.Database, run func(context.Context, database.Database, sql.Login, string) error) error {
	if text == "" {
		return nil
	}
	return run(ctx, db, t.login, text)
}

func (t *tasks) command(ctx context.Context, input, text string, db database.Database) error {
	if text == "" {
		return nil
	}
	env := slices.Clone(t.environ)
	for _, variable := range variables(db) {
		env = append(env, *variable.Name+"="+*variable.Value)
	}
	out, err := shell.Run(ctx, "", env, "sh", "-c", text)
	if err != nil {
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		return fmt.Errorf("%s: %w\n%s", input, err, strings.Join(lines[max(0, len(lines)-20):], "\n"))
	}
	return nil
}

// variables tell a task which database it is about.
func variables(db database.Database) []types.KeyValuePair {
	pair := func(name, value string) types.KeyValuePair { return types.KeyValuePair{Name: &name, Value: &value} }
	return []types.KeyValuePair{
		pair("DATABASE_HOST", db.Endpoint), pair("DATABASE_PORT", strconv.Itoa(db.Port)), pair("DATABASE_NAME", db.Name),
		pair("DATABASE_ID", db.ID),
	}
}
