package snapshot

import (
	"strings"
	"testing"
)

// TestSQLFilesForEngines: files of a language that nobody here speaks are
// refused before anything is made.
func TestSQLFilesForEngines(t *testing.T) {
	for engine, want := range map[string]string{
		"postgres": "", "aurora-postgresql": "", "mysql": "", "aurora-mysql": "", "mariadb": "",
		"oracle-se2": "input mask-sql: SQL files are for PostgreSQL and MySQL, and dev-db is oracle-se2",
	} {
		g := gatekeeper{gates: Gates{SQL: []string{"mask-sql"}}, plan: &Plan{}, subject: subject{name: "dev-db", engine: engine}}
		g.language()
		got := ""
		if err := g.plan.Findings.Err(); err != nil {
			got = err.Error()
		}
		if (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%s: %q", engine, got)
		}
	}
}
