package snapshot

import (
	_ "embed"

	"github.com/org/shipkit/pkg/snapshot/database"
)

//go:embed templates/rds-instance.yml
var instanceTemplate string

//go:embed templates/aurora-cluster.yml
var clusterTemplate string

// defaultClass is the one of shipkit's templates.
const defaultClass = "db.t4g.medium"

// class is the instance class that the new database gets; "" if only the
// user's template knows.
func (r Request) class() string {
	class := r.Parameters["InstanceClass"]
	if class == "" && r.ours() {
		return defaultClass
	}
	return class
}

// ours tells whether the template is shipkit's.
func (r Request) ours() bool { return r.Template == instanceTemplate || r.Template == clusterTemplate }

// Template returns shipkit's CloudFormation template of a database. A user's
// own must take the parameters DatabaseIdentifier and SnapshotIdentifier.
func Template(kind database.Kind) string {
	if kind == database.Cluster {
		return clusterTemplate
	}
	return instanceTemplate
}
