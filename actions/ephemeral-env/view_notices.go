package ephemeralenv

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/org/shipkit/pkg/diag"
	"github.com/org/shipkit/pkg/environment"
	"github.com/org/shipkit/pkg/markdown"
	"github.com/org/shipkit/pkg/notify"
)

// Notices hold neither a command nor its output: what masks secrets in a log
// does not see what goes to a channel.

// readyNotice tells that an environment can be looked at.
func readyNotice(r environment.Record, estimate float64) notify.Message {
	return notify.Message{
		Status: notify.Success, Title: "Environment " + r.Namespace + " is ready",
		Fields: fields("Address", r.URL, "Pull request", number(r.Pull), "Commit", cut(r.Commit), "Ends", r.Expires.UTC().Format(minute),
			"Costs at most", fmt.Sprintf("$%.2f", estimate)),
	}
}

// failedNotice tells what could not be done, with the first line of why.
func failedNotice(what string, err error) notify.Message {
	why, _, _ := strings.Cut(err.Error(), "\n")
	return notify.Message{Status: notify.Failure, Title: what, Text: why}
}

// endingNotice warns of ends.
func endingNotice(records []environment.Record, now time.Time) notify.Message {
	m := notify.Message{
		Status: notify.Warning, Title: fmt.Sprintf("%d environments end soon", len(records)),
		Text: "To keep one, push a commit or run its workflow with command: extend.",
	}
	if len(records) == 1 {
		m.Title = "Environment " + records[0].Namespace + " ends in " + markdown.Duration(records[0].Expires.Sub(now))
	}
	for _, r := range records {
		m.Fields = append(m.Fields, notify.Field{Name: r.Namespace, Value: strings.TrimSpace(r.Expires.UTC().Format(minute) + " " + r.URL)})
	}
	return m
}

// endedNotice tells of environments that are gone, and why.
func endedNotice(ended []environment.Doomed, now time.Time) notify.Message {
	m := notify.Message{Status: notify.Info, Title: fmt.Sprintf("%d environments have ended", len(ended))}
	if len(ended) == 1 {
		m.Title = "Environment " + ended[0].Record.Namespace + " has ended"
	}
	for _, d := range ended {
		m.Fields = append(m.Fields, notify.Field{
			Name: d.Record.Namespace, Value: fmt.Sprintf("%s; it has cost about $%.2f", d.Why, d.Record.Cost(now)),
		})
	}
	return m
}

// testedNotice tells what a run's tests came to.
func testedNotice(r environment.Record, checks []check, err error, now time.Time) notify.Message {
	m := notify.Message{Status: notify.Success, Title: "Environment " + r.Namespace + ": the test passed"}
	if err != nil {
		m.Status, m.Title = notify.Failure, "Environment "+r.Namespace+": the test failed"
	}
	var took time.Duration
	for _, c := range checks {
		took += c.Took
		m.Fields = append(m.Fields, fields("Tests", c.Report.String(), "Passed", c.Report.names(passed), "Failed", c.Report.names(failed))...)
		if c.What == "task" || len(checks) > 1 {
			m.Fields = append(m.Fields, fields("Test "+c.What, c.verdict())...)
		}
	}
	m.Fields = append(m.Fields, fields("Took", markdown.Duration(took), "Address", r.URL, "Pull request", number(r.Pull), "Commit", cut(r.Commit),
		"Cost", fmt.Sprintf("$%.2f", r.Cost(now)))...)
	return m
}

// verdict says it without what a command or its output may hold.
func (c check) verdict() string {
	text := passed
	if c.Err != nil {
		text = failed
	}
	if c.What != "task" {
		return text
	}
	if d, ok := errors.AsType[*diag.Diagnostic](c.Err); ok {
		return text + ": " + d.Summary
	}
	return text + ": " + c.Shown
}

// fields are facts from names and values in turn; those without a value are
// left out.
func fields(pairs ...string) []notify.Field {
	var list []notify.Field
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			list = append(list, notify.Field{Name: pairs[i], Value: pairs[i+1]})
		}
	}
	return list
}

func number(pull int) string {
	if pull == 0 {
		return ""
	}
	return strconv.Itoa(pull)
}

func cut(commit string) string { return commit[:min(12, len(commit))] }
