package snapshot

import (
	_ "embed"

	"github.com/org/shipkit/pkg/snapshot/database"
)

//go:embed templates/rds-instance.yml
var instanceTemplate string

//go:embed templates/aurora-cluster.yml
var clusterTemplate string

// Template returns shipkit's CloudFormation template of a database. A user's
// own must take the parameters DatabaseIdentifier and SnapshotIdentifier.
func Template(kind database.Kind) string {
	if kind == database.Cluster {
		return clusterTemplate
	}
	return instanceTemplate
}
