package ephemeralenv

import (
	"strings"
	"testing"

	"github.com/org/shipkit/internal/githubtest"
)

// GitHub pages its lists, shows them late, and slows down who asks much: no
// environment of an open pull request ends for that, and none that should end
// stays.
func TestGitHubPagesLagsAndSlowsDown(t *testing.T) {
	p := newPlant(t)
	p.github.Pulls = nil
	for number := 300; number > 7; number-- { // the newest first, as GitHub lists them
		p.github.Pulls = append(p.github.Pulls, githubtest.Pull{Number: number, State: "open", SHA: sha})
	}
	p.github.Pulls = append(p.github.Pulls, githubtest.Pull{Number: 7, State: "open", SHA: sha})
	for range 120 { // the sticky comment is on the second page
		p.github.AddComment(7, "a remark")
	}
	p.github.Lag, p.github.Limited = true, 1
	for _, release := range []string{"r1", "r2"} {
		if up := p.step(t, p.with(release, "true")); up.ExitCode != 0 || up.Outputs["changed"] != "true" {
			t.Fatalf("up: %+v", up)
		}
		p.github.Limited = 1
	}
	p.github.Lag = false
	reap := p.step(t, p.end("reap"))
	if reap.ExitCode != 0 || reap.Outputs["reaped"] != "" || !p.made() {
		t.Errorf("reap of what is open on the third page: %+v", reap)
	}
	p.github.Pulls[len(p.github.Pulls)-1].State = "closed"
	if reap = p.step(t, p.end("reap")); reap.ExitCode != 0 || reap.Outputs["reaped"] != "xy-0146-pr7" {
		t.Errorf("reap of what is closed: %+v", reap)
	}
	p.gone(t)
	sticky := 0
	for _, comment := range p.github.Comments(7) {
		if strings.Contains(comment.Body, "xy-0146-pr7") {
			sticky++
		}
	}
	if sticky != 1 {
		t.Errorf("%d sticky comments", sticky)
	}
}

// A token that may only read, as a fork's, makes no environment fail: what
// cannot be written is said.
func TestGitHubRefusesWrites(t *testing.T) {
	p := newPlant(t)
	p.github.ReadOnly = true
	up := p.step(t, p.with("r1", "true"))
	if up.ExitCode != 0 || up.Outputs["state"] != "ready" || !strings.Contains(up.Log, "::warning::") || !strings.Contains(up.Log, "give the job the permissions") {
		t.Errorf("up: %+v", up)
	}
	if n := len(p.github.Comments(7)) + len(p.github.Deployments) + len(p.github.Statuses); n > 0 {
		t.Errorf("%d things were written", n)
	}
	if down := p.step(t, p.end("down")); down.ExitCode != 0 {
		t.Errorf("down: %+v", down)
	}
	p.gone(t)
}
