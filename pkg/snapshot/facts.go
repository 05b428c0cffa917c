package snapshot

import (
	"context"
	"fmt"
	"strconv"

	"github.com/org/shipkit/pkg/diag"
	"github.com/org/shipkit/pkg/namespace"
	"github.com/org/shipkit/pkg/snapshot/database"
)

// The facts about a database version, each a parameter /<ns>/db/<ts>/<fact>.
// A task definition refers to them, so they never change.
const (
	factEndpoint = "endpoint"
	factPort     = "port"
	factKind     = "kind"
	factName     = "name"
	// factRetireAfter is added when the version is no longer active.
	factRetireAfter = "retire-after"
	// factPrevious is the version that was active before.
	factPrevious = "previous"
)

// fact is one of those that services are told.
type fact struct{ name, value string }

// factsOf are the facts about a database as RDS has them.
func factsOf(db database.Database) []fact {
	return []fact{
		{factKind, string(db.Kind)},
		{factName, orNone(db.Name)},
		{factPort, strconv.Itoa(db.Port)},
		{factEndpoint, db.Endpoint}, // the last one: its presence says that all are there
	}
}

// orNone stands for an empty value, which Parameter Store does not take.
func orNone(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// publish writes the facts about a version.
func (b book) publish(ctx context.Context, ts namespace.Timestamp, db database.Database) error {
	for _, fact := range factsOf(db) {
		if err := b.put(ctx, b.namespace.Version(ts, fact.name), fact.value); err != nil {
			return err
		}
	}
	return nil
}

// names are the parameters of the facts that services are told.
func (b book) names(ts namespace.Timestamp) (names []string) {
	for _, fact := range factsOf(database.Database{}) {
		names = append(names, b.namespace.Version(ts, fact.name))
	}
	return names
}

// edited holds the facts about a version, by parameter, against what RDS says
// about its database. A version without any was not made by a promotion.
func (b book) edited(ts namespace.Timestamp, parameters map[string]string, db *database.Database) (findings diag.List) {
	known := false
	for _, name := range b.names(ts) {
		_, there := parameters[name]
		known = known || there
	}
	if db == nil || db.Endpoint == "" || !known {
		return nil
	}
	for _, fact := range factsOf(*db) {
		name := b.namespace.Version(ts, fact.name)
		try := "aws ssm put-parameter --overwrite --type String --name " + name + " --value " + fact.value
		switch text, there := parameters[name]; {
		case !there:
			findings.Errorf(try, "parameter %s is not there, and RDS says %q about database %s: was it deleted by hand?", name, fact.value, db.ID)
		case text != fact.value:
			findings.Errorf(try, "parameter %s is %q, but RDS says %q about database %s: was it edited by hand?", name, text, fact.value, db.ID)
		}
	}
	return findings
}

// absent says that RDS does not know the database of a version that is relied
// upon.
func (b book) absent(ts namespace.Timestamp, kind string) *diag.Diagnostic {
	id := b.namespace.Database(ts)
	said := fmt.Sprintf("parameter %s points at it", b.namespace.Active())
	if kind != "" {
		said = fmt.Sprintf("parameter %s says that it is of kind %q", b.namespace.Version(ts, factKind), kind)
	}
	return &diag.Diagnostic{
		Summary: fmt.Sprintf("database %s is not there by what RDS says, and %s: was that edited by hand, or the database deleted?", id, said),
		Try:     "aws rds describe-db-instances, and describe-db-clusters, tell which databases are there; correct the parameter",
	}
}

// byParameter are the facts about a version under the names of their parameters.
func (b book) byParameter(ts namespace.Timestamp, facts map[string]string) map[string]string {
	parameters := map[string]string{}
	for name, value := range facts {
		parameters[b.namespace.Version(ts, name)] = value
	}
	return parameters
}
