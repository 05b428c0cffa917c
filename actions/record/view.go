package record

import (
	"fmt"
	"strings"
	"time"

	"github.com/org/shipkit/pkg/history"
	"github.com/org/shipkit/pkg/markdown"
)

var marks = map[string]string{
	"success": "✅", "failure": "❌", "cancelled": "⏹️", "skipped": "⏭️",
	"succeeded": "✅", "failed": "❌", "rolled-back": "↩️",
}

// recordView is the story of a deployment: the verdict, then its stages.
func recordView(r history.Record) string {
	var b strings.Builder
	fmt.Fprintf(&b, "### %s %s: %s %s\n\n", marks[string(r.Status)], markdown.Escape(r.Environment), markdown.Escape(r.Version), r.Status)
	if r.Reason != "" {
		b.WriteString(markdown.Escape(r.Reason) + "\n\n")
	}
	if next := next(r); next != "" {
		b.WriteString(next + "\n\n")
	}
	var rows [][]string
	for _, stage := range r.Stages {
		rows = append(rows, []string{
			markdown.Escape(stage.Name), strings.TrimSpace(marks[stage.Result] + " " + markdown.Escape(stage.Result)),
			length(stage.Seconds), transfer(stage), markdown.Escape(stage.Reason),
		})
	}
	if len(rows) > 0 {
		b.WriteString(markdown.Table([]string{"Stage", "Result", "Time", "Sent", "Why"}, rows) + "\n")
	}
	var facts []string
	for _, fact := range []struct{ name, value string }{
		{"commit", r.Commit}, {"image", markdown.Digest(r.Image)}, {"database", string(r.Database)}, {"by", r.By},
	} {
		if fact.value != "" {
			facts = append(facts, fact.name+" "+markdown.Code(fact.value))
		}
	}
	if len(facts) > 0 {
		b.WriteString(strings.Join(facts, ", ") + "\n")
	}
	return b.String()
}

// next says what stands, and how to go on, after a deployment that did not
// succeed. The stages' names are those of ship.yml.
func next(r history.Record) string {
	results := map[string]string{}
	for _, stage := range r.Stages {
		results[stage.Name] = stage.Result
	}
	database := ""
	if results["promote"] == "success" {
		database = " The database stays promoted: `promote-snapshot` with `mode: undo` points back."
	}
	switch {
	case r.Status == history.Succeeded:
		return ""
	case r.Status == history.RolledBack:
		return "What served before serves again." + database + " Mend the cause and push."
	case results["promote"] == "failure" || results["promote"] == "cancelled":
		return "The service was not touched. Running again goes on with the database where it stopped, or begins anew if all was taken back; `promote-snapshot` with `mode: status` says which."
	case results["deploy"] == "success":
		return "The new version serves." + database + " The rollback workflow goes back."
	case results["deploy"] != "":
		return "It may be that the new version serves in part: `deploy-ecs` with `mode: status` says so." + database + " Mend the cause and push, or run the rollback workflow."
	default:
		return "The service was not touched." + database + " Mend the cause and push, or run again."
	}
}

func length(seconds int) string {
	if seconds == 0 {
		return ""
	}
	return markdown.Duration(time.Duration(seconds) * time.Second)
}

func transfer(stage history.Stage) string {
	if stage.BytesSent == 0 && stage.BytesSaved == 0 {
		return ""
	}
	text := markdown.Bytes(stage.BytesSent)
	if total := stage.BytesSent + stage.BytesSaved; stage.BytesSaved > 0 {
		text += fmt.Sprintf(" of %s (%.1f %% saved)", markdown.Bytes(total), 100*float64(stage.BytesSaved)/float64(total))
	}
	return text
}
