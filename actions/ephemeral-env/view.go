package ephemeralenv

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/org/shipkit/pkg/action"
	"github.com/org/shipkit/pkg/diag"
	"github.com/org/shipkit/pkg/environment"
	"github.com/org/shipkit/pkg/environment/hours"
	"github.com/org/shipkit/pkg/environment/store"
	"github.com/org/shipkit/pkg/markdown"
)

const minute = "2006-01-02 15:04 UTC"

// planView shows what an up would make.
func planView(name string, r environment.Request) string {
	var rows [][]string
	for _, fact := range [][2]string{
		{"lives for", markdown.Duration(r.TTL)},
		{"costs at most", fmt.Sprintf("$%.2f ($%.3f an hour, %.0f %% of the time on)", r.Estimate(), r.Hourly, 100*r.HoursShare)},
		{"commit", r.Commit},
	} {
		rows = append(rows, []string{fact[0], markdown.Escape(fact[1])})
	}
	return "### Plan: environment " + markdown.Code(name) + "\n\n" + markdown.Table([]string{"What", "Which"}, rows)
}

// recordView tells how an up ended.
func recordView(name string, r environment.Record, request environment.Request, clock *hours.Hours, err error) string {
	if err != nil {
		return "### ❌ Environment " + markdown.Code(name) + " could not be made\n\n" + whyView(err)
	}
	rows := [][]string{
		{"address", markdown.Link(r.URL, r.URL)},
		{"ends", r.Expires.UTC().Format(minute)},
		{"costs at most", fmt.Sprintf("$%.2f", request.Estimate())},
	}
	if clock != nil {
		rows = append(rows, []string{"saved by its hours", fmt.Sprintf("%d %% of the week", clock.Saved())})
	}
	return "### ✅ Environment " + markdown.Code(name) + " is ready\n\n" + markdown.Table([]string{"What", "Which"}, rows)
}

// whyView tells what went wrong, and what to do.
func whyView(err error) string {
	var b strings.Builder
	for _, d := range diag.From(err) {
		b.WriteString(markdown.Escape(strings.TrimSpace(d.Summary+"\n"+d.Detail)) + "\n\n")
		if d.Try != "" {
			b.WriteString("**Try:** " + markdown.Escape(d.Try) + "\n\n")
		}
	}
	return b.String()
}

// commentView is the sticky comment.
func commentView(r environment.Record, clock *hours.Hours, gh action.GitHub, workflow string, now time.Time) string {
	var b strings.Builder
	switch r.State {
	case environment.Creating:
		fmt.Fprintf(&b, "### ⏳ Environment %s is being made\n\n", markdown.Code(r.Namespace))
	case environment.Ready:
		fmt.Fprintf(&b, "### ✅ Environment %s: %s\n\n", markdown.Code(r.Namespace), markdown.Link(r.URL, r.URL))
	case environment.Paused:
		fmt.Fprintf(&b, "### 💤 Environment %s is paused\n\n", markdown.Code(r.Namespace))
	default:
		fmt.Fprintf(&b, "### 🧹 Environment %s has ended\n", markdown.Code(r.Namespace))
		return b.String()
	}
	if !r.Expires.IsZero() {
		fmt.Fprintf(&b, "It ends at %s and has cost about $%.2f so far.", r.Expires.UTC().Format(minute), r.Cost(now))
		fmt.Fprintf(&b, " To extend it, push a commit or %s.", byHand(gh, workflow, "run its workflow", "extend"))
	}
	if clock != nil {
		fmt.Fprintf(&b, " Outside of its hours it sleeps, which saves %d %% of the week; %s.", clock.Saved(), byHand(gh, workflow, "wake it", "wake"))
	} else if r.State == environment.Paused {
		fmt.Fprintf(&b, " It sleeps until you %s.", byHand(gh, workflow, "wake it", "wake"))
	}
	if gh.RunURL != "" {
		fmt.Fprintf(&b, " %s.", markdown.Link("Log", gh.RunURL))
	}
	b.WriteString("\n")
	return b.String()
}

// logLink is what differs between the comments of two runs that say the same.
var logLink = regexp.MustCompile(`\[Log\]\([^)]*\)`)

// saysSame tells whether a comment may stay.
func saysSame(known, body string) bool {
	plain := func(s string) string { return strings.TrimSpace(logLink.ReplaceAllString(s, "")) }
	return plain(known) == plain(body)
}

// failedView is the sticky comment after an up that failed.
func failedView(name string, err error, gh action.GitHub) string {
	why, _, _ := strings.Cut(err.Error(), "\n")
	text := "### ❌ Environment " + markdown.Code(name) + " could not be made\n\n" + markdown.Escape(why) + "\n"
	if gh.RunURL != "" {
		text += "\n" + markdown.Link("Log", gh.RunURL) + "\n"
	}
	return text
}

// byHand links to where people start a command.
func byHand(gh action.GitHub, workflow, text, command string) string {
	where := gh.ServerURL + "/" + gh.Repository + "/actions"
	if workflow != "" {
		where += "/workflows/" + url.PathEscape(workflow)
	}
	return markdown.Link(text, where) + " with `command: " + command + "`"
}

// listView is the table of environments.
func listView(records []environment.Record, now time.Time) string {
	if len(records) == 0 {
		return "### No environments\n"
	}
	var rows [][]string
	total := 0.0
	for _, r := range records {
		total += r.Cost(now)
		left := r.Expires.Sub(now)
		state, ends := string(r.State), r.Expires.UTC().Format(minute)+" (in "+markdown.Duration(left)+")"
		if left <= 0 { // whatever its record says, which no schedule changes
			state, ends = "over", "since "+r.Expires.UTC().Format(minute)
		}
		rows = append(rows, []string{markdown.Code(r.Namespace), state, markdown.Link(r.URL, r.URL), ends, fmt.Sprintf("$%.2f", r.Cost(now))})
	}
	return fmt.Sprintf("### %d environments, about $%.2f so far\n\n", len(records), total) +
		markdown.Table([]string{"Environment", "State", "Address", "Ends", "Cost"}, rows)
}

// reapView tells what a reap ended, or would.
func reapView(doomed, ended []environment.Doomed, dry bool) string {
	if len(doomed) == 0 {
		return "### ✅ Nothing to reap\n"
	}
	done := map[string]bool{}
	for _, d := range ended {
		done[d.Record.Namespace] = true
	}
	var rows [][]string
	for _, d := range doomed {
		state := "left, see the log"
		switch {
		case dry:
			state = "would be ended"
		case done[d.Record.Namespace]:
			state = "ended"
		}
		rows = append(rows, []string{markdown.Code(d.Record.Namespace), markdown.Escape(d.Why), state})
	}
	return fmt.Sprintf("### Reap: %d environments\n\n", len(doomed)) + markdown.Table([]string{"Environment", "Why", "What"}, rows)
}

// hoursView shows the schedules of a standing environment.
func hoursView(name string, clock hours.Hours, schedules []store.Schedule) string {
	var rows [][]string
	for _, s := range schedules {
		rows = append(rows, []string{markdown.Code(s.Name), markdown.Code(s.Expression), markdown.Escape(s.Zone), markdown.Code(s.Target.Input)})
	}
	return fmt.Sprintf("### %s is off %d %% of the week\n\n", markdown.Code(name), clock.Saved()) +
		markdown.Table([]string{"Schedule", "When", "Zone", "Call"}, rows)
}

// testView tells how a test of a run ended.
func testView(c check) string {
	verdict, why := "✅ passed", ""
	if c.Err != nil {
		verdict = "❌ failed"
	}
	if d, ok := errors.AsType[*diag.Diagnostic](c.Err); ok {
		why = markdown.Escape(d.Summary) + "\n\n"
	}
	if c.Report != nil {
		why += markdown.Escape(c.Report.String()) + "\n\n"
	}
	return fmt.Sprintf("### Test %s in %s: %s\n\n", verdict, markdown.Duration(c.Took), markdown.Code(c.Shown)) + why +
		markdown.Details("last lines", markdown.Block("", c.Output))
}
