package deployecs

import (
	"fmt"
	"strings"
	"time"

	"github.com/org/shipkit/pkg/diag"
	"github.com/org/shipkit/pkg/ecsdeploy"
	"github.com/org/shipkit/pkg/ecsdeploy/taskdef"
	"github.com/org/shipkit/pkg/markdown"
)

// planView renders a plan for the job summary.
func planView(p *ecsdeploy.Plan) string {
	var b strings.Builder
	fmt.Fprintf(&b, "### %s\n\n", markdown.Escape(planHeadline(p)))
	for _, s := range p.Services {
		fmt.Fprintf(&b, "**%s** runs %s\n\n", markdown.Escape(s.Name), markdown.Code(short(s.Before)))
		if rows := changeRows(s); len(rows) > 0 {
			b.WriteString(markdown.Table([]string{"What", "Change"}, rows) + "\n")
		}
	}
	return b.String()
}

func planHeadline(p *ecsdeploy.Plan) string {
	switch {
	case len(p.Services) == 0 && p.TaskDefinition != "":
		return "Nothing to register: " + short(p.TaskDefinition) + " is there already"
	case len(p.Services) == 0:
		return "Would register a new revision of task definition " + p.Target.Family()
	case !p.Changed():
		return "Nothing to deploy: " + short(p.TaskDefinition) + " runs already"
	}
	names := make([]string, len(p.Services))
	for i, s := range p.Services {
		names[i] = s.Name
	}
	services := "service " + strings.Join(names, ", ")
	if len(names) > 1 {
		services = "services " + strings.Join(names, ", ")
	}
	for _, s := range p.Services {
		if s.Action == ecsdeploy.ActionStop || s.Action == ecsdeploy.ActionRefuse {
			return "Would stop the deployment of " + services + " and go back to " + short(p.TaskDefinition)
		}
	}
	if p.TaskDefinition != "" {
		return "Would deploy " + short(p.TaskDefinition) + " to " + services
	}
	return "Would deploy a new revision of task definition " + p.Target.Family() + " to " + services
}

// changeRows are all changes of one service, in plain words.
func changeRows(s *ecsdeploy.ServicePlan) [][]string {
	var rows [][]string
	for _, c := range s.Changes {
		rows = append(rows, []string{markdown.Escape(what(c)), change(c)})
	}
	for _, c := range s.Commits {
		rows = append(rows, []string{
			markdown.Escape("commit behind " + c.Container), markdown.Code(cut(c.Old)) + " → " + markdown.Code(cut(c.New)),
		})
	}
	for _, text := range s.Settings {
		rows = append(rows, []string{"service", markdown.Escape(text)})
	}
	for _, text := range s.Scaling {
		rows = append(rows, []string{"scaling", markdown.Escape(text)})
	}
	for _, stage := range s.Pauses {
		rows = append(rows, []string{"pause", markdown.Escape("waits for a promotion at " + ecsdeploy.Stage(stage))})
	}
	return rows
}

func what(c taskdef.Change) string {
	field := map[string]string{
		"environment": "variable", "secrets": "secret", "portMappings": "port", "taskRoleArn": "task role", "executionRoleArn": "execution role",
	}[c.Field]
	if field == "" {
		field = c.Field
	}
	parts := []string{field}
	if c.Container != "" {
		parts = []string{c.Container, field}
	}
	if c.Name != "" {
		parts = append(parts, c.Name)
	}
	return strings.Join(parts, " ")
}

func change(c taskdef.Change) string {
	old, new := markdown.Code(markdown.Digest(c.Old)), markdown.Code(markdown.Digest(c.New))
	switch {
	case old != "" && new != "":
		return old + " → " + new
	case new != "":
		return string(c.Kind) + ": " + new
	case old != "":
		return string(c.Kind) + ": " + old
	default:
		return string(c.Kind)
	}
}

// planText is the plan for the log: one line a fact.
func planText(p *ecsdeploy.Plan) string {
	out := []string{planHeadline(p)}
	for _, s := range p.Services {
		prefix := "  "
		if len(p.Services) > 1 {
			prefix += s.Name + ": "
		}
		for _, row := range changeRows(s) {
			out = append(out, prefix+plain(row[0])+": "+plain(row[1]))
		}
	}
	return strings.Join(out, "\n")
}

// plain takes the Markdown of one cell away.
func plain(cell string) string {
	return strings.ReplaceAll(strings.TrimSpace(markdown.Plain(cell)), "`", "")
}

// resultView renders how a deployment ended, verdict first. The plan is nil
// after a promotion; err is why a change could not be made, nil if it was.
func resultView(r *ecsdeploy.Result, p *ecsdeploy.Plan, err error) string {
	var b strings.Builder
	if r.RunFailure == nil {
		b.WriteString(refusalView(r, err))
	}
	if len(r.Services) == 0 {
		if err != nil && r.RunFailure == nil {
			return b.String()
		}
		return registeredView(r)
	}
	for _, v := range r.Services {
		fmt.Fprintf(&b, "### %s Service %s: %s\n\n", mark(v), markdown.Escape(v.Service), markdown.Escape(v.Headline()))
	}
	rows := make([][]string, 0, len(r.Services))
	for _, v := range r.Services {
		rows = append(rows, []string{
			markdown.Escape(v.Service), string(v.Outcome), markdown.Code(short(v.Before)), markdown.Code(short(v.TaskDefinition)),
			markdown.Code(short(v.Serving)), markdown.Duration(v.Took),
		})
	}
	b.WriteString(markdown.Table([]string{"Service", "Verdict", "Before", "Deployed", "Serves now", "Took"}, rows) + "\n")
	for _, v := range r.Services {
		b.WriteString(dossierView(v))
		if v.Hook.ID != "" {
			fmt.Fprintf(&b, "Promote with `mode: promote`, or go back with `mode: rollback`%s.\n\n", until(v.Hook.Expires))
		}
	}
	if p != nil {
		b.WriteString(changesView(p))
	}
	return b.String()
}

// refusalView says what could not be done, and what was done before; "" if
// nothing was refused.
func refusalView(r *ecsdeploy.Result, err error) string {
	var b strings.Builder
	for i, d := range diag.From(err) {
		if i == 0 {
			b.WriteString("### ❌ ")
		}
		b.WriteString(markdown.Escape(capital(d.Summary)) + "\n\n")
		if d.Try != "" {
			b.WriteString("**Try:** " + markdown.Escape(d.Try) + ".\n\n")
		}
	}
	if err != nil && len(r.Services) == 0 && r.TaskDefinition != "" {
		b.WriteString(markdown.Escape(short(r.TaskDefinition)) + " is registered; no service was changed.\n\n")
	}
	return b.String()
}

func registeredView(r *ecsdeploy.Result) string {
	switch {
	case r.RunFailure != nil:
		return fmt.Sprintf("### ❌ The one-off task failed; no service was changed\n\n%s", causeView(*r.RunFailure))
	case r.TaskDefinition == "":
		return ""
	default:
		return fmt.Sprintf("### ✅ %s is registered\n\n", markdown.Escape(short(r.TaskDefinition)))
	}
}

func changesView(p *ecsdeploy.Plan) string {
	var b strings.Builder
	for _, s := range p.Services {
		if rows := changeRows(s); len(rows) > 0 {
			b.WriteString(markdown.Details("What changed in "+s.Name, markdown.Table([]string{"What", "Change"}, rows)))
		}
	}
	return b.String()
}

// dossierView renders why a deployment failed; "" if there is nothing to say.
func dossierView(v ecsdeploy.Verdict) string {
	d := v.Dossier
	if v.Outcome.OK() || d.Empty() && len(d.Missing) == 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "#### Why %s failed\n\n", markdown.Escape(v.Service))
	for _, cause := range d.Causes {
		b.WriteString(causeView(cause))
	}
	if len(d.Targets) > 0 {
		rows := make([][]string, 0, len(d.Targets))
		for _, t := range d.Targets {
			rows = append(rows, []string{fmt.Sprint(t.Count), t.State, markdown.Code(t.Reason), markdown.Escape(t.Description)})
		}
		b.WriteString(markdown.Table([]string{"Targets", "State", "Reason", "The load balancer says"}, rows) + "\n")
	}
	if len(d.Events) > 0 {
		b.WriteString(markdown.Details("Events of the service", markdown.Block("", strings.Join(d.Events, "\n"))) + "\n")
	}
	for _, missing := range d.Missing {
		fmt.Fprintf(&b, "%s. **Try:** %s.\n\n", markdown.Escape(capital(missing.Summary)), markdown.Escape(missing.Try))
	}
	return b.String()
}

func causeView(c ecsdeploy.Cause) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s. **Try:** %s.\n\n", markdown.Escape(capital(c.Sentence)), markdown.Escape(c.Try))
	if c.Count == 0 { // no task stopped for it
		if c.Reason != "" {
			fmt.Fprintf(&b, "AWS says: %s\n\n", markdown.Escape(c.Reason))
		}
		return b.String()
	}
	exit := ""
	if c.ExitCode != nil {
		exit = fmt.Sprint(*c.ExitCode)
	}
	b.WriteString(markdown.Table([]string{"Tasks", "Container", "Stop code", "Exit code", "AWS says"}, [][]string{{
		fmt.Sprint(c.Count), markdown.Code(c.Container), markdown.Code(c.StopCode), exit, markdown.Escape(c.Reason),
	}}) + "\n")
	if len(c.Log) > 0 {
		fmt.Fprintf(&b, "Last lines of %s:\n\n%s\n", markdown.Code(c.LogStream), markdown.Block("", strings.Join(c.Log, "\n")))
	}
	return b.String()
}

// mark lets a verdict be seen at a glance.
func mark(v ecsdeploy.Verdict) string {
	switch {
	case v.Outcome == ecsdeploy.Paused:
		return "⏸️"
	case v.Outcome.OK():
		return "✅"
	case v.RolledBack:
		return "↩️"
	default:
		return "❌"
	}
}

func until(expires time.Time) string {
	if expires.IsZero() {
		return ""
	}
	return ", by " + expires.UTC().Format("2 Jan 15:04 MST")
}

// short is web:42 of a task definition's ARN.
func short(arn string) string { return arn[strings.LastIndex(arn, "/")+1:] }

// cut shortens a commit to 12 digits.
func cut(commit string) string {
	if commit == "" {
		return "unknown"
	}
	return commit[:min(len(commit), 12)]
}

func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
