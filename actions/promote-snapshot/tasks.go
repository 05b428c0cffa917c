package promotesnapshot

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

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
	inputs inputs
	// source and target are ECS of the two sides.
	source, target *ecsdeploy.Clients

	login   sql.Login
	environ []string
	hooks   ecsdeploy.Hooks
	maskSQL string
	testSQL string
	warmSQL string
	poll    time.Duration // between two looks at a task; 0 is the usual
}

var _ snapshot.Tasks = (*tasks)(nil)

// Run implements snapshot.Tasks.
func (t *tasks) Run(ctx context.Context, purpose snapshot.Purpose, db database.Database) error {
	switch purpose {
	case snapshot.Mask:
		return errors.Join(t.ecs(ctx, t.mask(), db), t.sql(ctx, "mask-sql", t.maskSQL, db, sql.Run),
			t.command(ctx, "mask-command", t.inputs.MaskCommand, db))
	case snapshot.Migrate:
		return t.ecs(ctx, t.beside("migrate-task", t.inputs.MigrateTask), db)
	case snapshot.Verify:
		if err := t.sql(ctx, "warm-up-sql", t.warmSQL, db, sql.Run); err != nil {
			return err
		}
		return errors.Join(t.ecs(ctx, t.beside("verify-task", t.inputs.VerifyTask), db), t.sql(ctx, "verify-sql", t.testSQL, db, sql.Check),
			t.command(ctx, "verify-command", t.inputs.VerifyCommand, db))
	default:
		return fmt.Errorf("no task is known for the purpose %s", purpose)
	}
}

func (t *tasks) sql(ctx context.Context, input, text string, db database.Database,
	run func(context.Context, database.Database, sql.Login, string) error) error {
	if text == "" {
		return nil
	}
	if err := run(ctx, db, t.login, text); err != nil {
		return fmt.Errorf("%s: %w", input, err)
	}
	return nil
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
