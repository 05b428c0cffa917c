package promotesnapshot

import (
	"fmt"
	"strings"
	"time"

	"github.com/org/shipkit/pkg/markdown"
	"github.com/org/shipkit/pkg/saga"
	"github.com/org/shipkit/pkg/snapshot"
	"github.com/org/shipkit/pkg/snapshot/database"
)

// planView shows what a run would do.
func planView(in inputs, p *snapshot.Plan) string {
	target := in.Namespace
	var b strings.Builder
	fmt.Fprintf(&b, "### Plan: promote a database into %s\n\n", markdown.Code(target))
	if p.Resumes != nil {
		fmt.Fprintf(&b, "An operation is under way and will be finished first: %s.\n\n", markdown.Escape(p.Resumes.String()))
	}
	b.WriteString(markdown.Table([]string{"What", "Which"}, planFacts(target, in.Retention, p)) + "\n")
	for i, step := range p.Steps {
		fmt.Fprintf(&b, "%d. %s\n", i+1, markdown.Escape(step))
	}
	b.WriteString("\n")
	for _, finding := range p.Findings {
		fmt.Fprintf(&b, "- **%s**: %s", finding.Severity, markdown.Escape(finding.Summary))
		if finding.Try != "" {
			b.WriteString(". Try: " + markdown.Escape(finding.Try))
		}
		b.WriteString("\n")
	}
	return b.String()
}

func planFacts(target string, retention time.Duration, p *snapshot.Plan) [][]string {
	var rows [][]string
	switch {
	case p.Artifact != nil:
		rows = append(rows, []string{"promoted", "snapshot " + markdown.Code(p.Artifact.ID) + engine(p.Artifact.Engine, p.Artifact.EngineVersion, p.Artifact.StorageGB)})
	case p.Source != nil:
		rows = append(rows, []string{"promoted", "a new snapshot of " + markdown.Code(p.Source.ID) + engine(p.Source.Engine, p.Source.EngineVersion, p.Source.StorageGB)})
	}
	rows = append(rows, []string{"created", "database and stack " + markdown.Code(target+"-db-<time of the start>")})
	old := markdown.Code(target + "-db-" + string(p.Active))
	switch {
	case p.Active == "":
		rows = append(rows, []string{"replaced", "nothing: this is the first promotion"})
	case retention > 0:
		rows = append(rows, []string{"kept", old + ", stopped, with a final snapshot, for an undo within " + markdown.Duration(retention)},
			[]string{"deleted", "nothing now; after that time by mode `retire`"})
	default:
		rows = append(rows, []string{"deleted", old + ", at once; its final snapshot is kept"})
	}
	rows = append(rows, []string{"cost", cost(p.Cost)})
	if p.Expected.Measured {
		return append(rows, []string{"time", markdown.Duration(p.Expected.Time) + ", as the last time"})
	}
	return append(rows, []string{"time", "about " + markdown.Duration(p.Expected.Time) + ", guessed from the steps and the amount of data"})
}

func engine(name, version string, storage int) string {
	return fmt.Sprintf(" (%s %s, %d GB)", markdown.Escape(name), markdown.Escape(version), storage)
}

func cost(c snapshot.Cost) string {
	text := fmt.Sprintf("about $%.2f: $%.2f while both run, $%.2f for the old one's storage, $%.2f a month for the snapshot",
		c.Total(), c.Overlap, c.Retention, c.Snapshots)
	if c.Unknown != "" {
		text += "; the price of " + markdown.Code(c.Unknown) + " is unknown, give it in `prices`"
	}
	return text
}

// resultView tells how an operation ended.
func resultView(in inputs, r snapshot.Result, replaced *database.Database, err error) string {
	var b strings.Builder
	op, target := r.Operation, in.Namespace
	if op.Kind == "" && err != nil {
		return fmt.Sprintf("### ❌ %s: nothing was begun\n\n%s", markdown.Escape(target), trouble(err))
	}
	switch op.Status {
	case saga.Done:
		fmt.Fprintf(&b, "### ✅ %s: database %s is active\n\n", markdown.Escape(target), markdown.Code(string(r.Active)))
	case saga.Undone:
		fmt.Fprintf(&b, "### ↩️ %s: everything was taken back, %s\n\n", markdown.Escape(target), asBefore(string(r.Active)))
	case saga.Detached:
		fmt.Fprintf(&b, "### ⏳ %s: %s goes on by itself\n\n", markdown.Escape(target), markdown.Escape(op.Step))
	default:
		fmt.Fprintf(&b, "### ❌ %s: stopped at %s\n\n", markdown.Escape(target), markdown.Escape(op.Step))
	}
	if err != nil {
		b.WriteString(trouble(err) + "\n")
	}
	rows := [][]string{{"operation", markdown.Code(op.Kind + " " + string(op.Timestamp))}}
	for _, fact := range []struct{ name, value string }{
		{"active", string(r.Active)}, {"endpoint", endpoint(r.Database)},
		{"previous", string(r.Previous)}, {"previous endpoint", endpoint(replaced)},
		{"snapshot", r.SnapshotARN}, {"stack", r.StackID},
	} {
		if fact.value != "" {
			rows = append(rows, []string{fact.name, markdown.Code(fact.value)})
		}
	}
	b.WriteString(markdown.Table([]string{"What", "Which"}, rows) + "\n")
	b.WriteString(next(in, r))
	return b.String()
}

// trouble is an error of one line, and what was seen, such as a task's log.
func trouble(err error) string {
	first, seen, _ := strings.Cut(err.Error(), "\n")
	if seen == "" {
		return markdown.Escape(first) + "\n"
	}
	return markdown.Escape(first) + "\n\n" + markdown.Block("", seen)
}

func asBefore(active string) string {
	if active == "" {
		return "there is no promoted database, as before"
	}
	return markdown.Code(active) + " serves as before"
}

func endpoint(db *database.Database) string {
	if db == nil {
		return ""
	}
	return fmt.Sprintf("%s:%d", db.Endpoint, db.Port)
}

// next is what can be done now.
func next(in inputs, r snapshot.Result) string {
	switch {
	case r.Operation.Status == saga.Done && r.Previous != "" && in.Retention > 0:
		return fmt.Sprintf("To go back within %s, for which the previous database is kept, stopped: the same inputs with `mode: undo`, or %s\n",
			markdown.Duration(in.Retention), markdown.Code(in.command("undo")))
	case r.Operation.Status == saga.Detached, r.Operation.Status == saga.Running, r.Operation.Status == saga.Undoing:
		return "To go on: the same inputs with `mode: resume`\n"
	default:
		return ""
	}
}

// command runs another mode with all inputs that tell it which services move.
func (in inputs) command(mode string) string {
	words := []string{"shipkit promote-snapshot", "--mode " + mode, "--namespace " + in.Namespace}
	for _, flag := range []struct{ name, value string }{
		{"aws-region", in.Region}, {"cluster", in.Cluster}, {"services", strings.Join(in.Services, ",")},
		{"container-name", strings.Join(in.Containers, ",")},
	} {
		if flag.value != "" {
			words = append(words, "--"+flag.name+" "+flag.value)
		}
	}
	return strings.Join(words, " ")
}

// statusView shows all versions.
func statusView(target string, s snapshot.Status) string {
	var b strings.Builder
	fmt.Fprintf(&b, "### Databases of %s\n\n", markdown.Code(target))
	var rows [][]string
	for _, v := range s.Versions {
		state, kept := "gone", ""
		if v.Database != nil {
			state = v.Database.Status
		}
		if v.Active {
			kept = "**active**"
		} else if !v.RetireAfter.IsZero() {
			kept = "kept until " + v.RetireAfter.UTC().Format("2006-01-02 15:04") + " UTC"
		}
		rows = append(rows, []string{markdown.Code(string(v.Timestamp)), state, kept})
	}
	b.WriteString(markdown.Table([]string{"Version", "Database", "Use"}, rows))
	if op := s.Operation; op != nil {
		fmt.Fprintf(&b, "\nLast operation: %s", markdown.Escape(op.String()))
		if op.Note != "" {
			b.WriteString(", because " + markdown.Escape(op.Note))
		}
		b.WriteString(".\n")
	}
	return b.String()
}

// orphansView lists what no pointer refers to.
func orphansView(target string, orphans []snapshot.Orphan) string {
	if len(orphans) == 0 {
		return fmt.Sprintf("### ✅ %s has no orphans\n", markdown.Escape(target))
	}
	var rows [][]string
	for _, o := range orphans {
		rows = append(rows, []string{markdown.Code(o.Stack), markdown.Escape(o.Why)})
	}
	return fmt.Sprintf("### ⚠️ %s has %d orphans\n\n", markdown.Escape(target), len(orphans)) +
		markdown.Table([]string{"Stack", "Why"}, rows)
}
