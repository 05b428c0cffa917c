package deployecs

import (
	"fmt"
	"strings"

	"github.com/org/shipkit/pkg/ecsdeploy"
	"github.com/org/shipkit/pkg/markdown"
)

// historyRows is how much history a reader wants.
const historyRows = 10

// statusView renders what services run and ran.
func statusView(reports []ecsdeploy.Report) string {
	var b strings.Builder
	rows := make([][]string, 0, len(reports))
	for _, r := range reports {
		rows = append(rows, []string{
			markdown.Escape(r.Service), markdown.Code(short(r.TaskDefinition)), fmt.Sprintf("%d of %d", r.Running, r.Desired),
			words(string(r.Snapshot.Status)), markdown.Escape(ecsdeploy.Stage(r.Snapshot.Hook.Stage)),
		})
	}
	b.WriteString(markdown.Table([]string{"Service", "Revision", "Running", "Newest deployment", "Paused at"}, rows) + "\n")
	for _, r := range reports {
		if len(r.History) == 0 {
			continue
		}
		rows := make([][]string, 0, historyRows)
		for _, past := range r.History[:min(len(r.History), historyRows)] {
			created := ""
			if past.Brief.CreatedAt != nil {
				created = past.Brief.CreatedAt.UTC().Format("2006-01-02 15:04 MST")
			}
			rows = append(rows, []string{created, markdown.Code(short(past.TaskDefinition)), words(string(past.Status)), markdown.Escape(reason(past))})
		}
		b.WriteString(markdown.Details("Deployments of "+r.Service, markdown.Table([]string{"Started", "Revision", "Ended", "Reason"}, rows)))
	}
	return b.String()
}

func reason(past ecsdeploy.Past) string {
	if past.Brief.StatusReason == nil {
		return ""
	}
	return *past.Brief.StatusReason
}

func statusText(reports []ecsdeploy.Report) string {
	out := make([]string, 0, len(reports))
	for _, r := range reports {
		line := fmt.Sprintf("%s runs %s, %d of %d tasks", r.Service, short(r.TaskDefinition), r.Running, r.Desired)
		if r.Snapshot.Status != "" {
			line += ", newest deployment " + words(string(r.Snapshot.Status))
		}
		if r.Snapshot.Hook.ID != "" {
			line += ", paused at " + ecsdeploy.Stage(r.Snapshot.Hook.Stage)
		}
		out = append(out, line)
	}
	return strings.Join(out, "\n")
}

// promotionView renders what a promotion would do.
func promotionView(found []ecsdeploy.Promotion) string {
	return "### Would promote\n\n" + markdown.Block("", promotionText(found))
}

func promotionText(found []ecsdeploy.Promotion) string {
	out := make([]string, 0, len(found))
	for _, p := range found {
		out = append(out, fmt.Sprintf("%s: %s in place of %s, past %s", p.Service.Name, short(p.Definition), short(p.Service.Before), ecsdeploy.Stage(p.Hook.Stage)))
	}
	return strings.Join(out, "\n")
}

// postView renders what became of a cancelled step.
func postView(r *ecsdeploy.Result) string {
	var b strings.Builder
	for _, v := range r.Services {
		fmt.Fprintf(&b, "### %s Service %s, after the cancellation: %s\n\n", mark(v), markdown.Escape(v.Service), markdown.Escape(v.Headline()))
	}
	return b.String()
}

// words turns ROLLBACK_SUCCESSFUL into rollback successful.
func words(status string) string { return strings.ToLower(strings.ReplaceAll(status, "_", " ")) }
