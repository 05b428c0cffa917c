package github

import (
	"errors"
	"strings"
	"testing"

	"github.com/org/shipkit/internal/githubtest"
)

const (
	head  = "0123456789abcdef0123456789abcdef01234567"
	label = "shipkit-ok:0123456789abcdef0123456789abcdef0123456"
)

// A commit of a fork is trusted if the last one who set its label may write to
// the repository.
func TestTrusted(t *testing.T) {
	roles := map[string]string{
		"ann": "admin", "max": "maintain", "wes": "write", "tess": "triage", "tom": "triage", "rex": "read", "ghost": "none",
	}
	for name, test := range map[string]struct {
		sha    string // of the head; else that of the label
		ours   bool
		events []string // who sets a label, or removes it with a - before
		label  string
		want   string // why not; "" if it is trusted
	}{
		"our own":                           {ours: true},
		"no label":                          {want: "commit 0123456789ab has no maintainer's consent"},
		"an admin's":                        {events: []string{"ann"}},
		"a maintainer's":                    {events: []string{"max"}},
		"of one who may write":              {events: []string{"wes"}},
		"a triager's":                       {events: []string{"tess"}, want: `was set by tess, whose role is triage`},
		"an app's":                          {events: []string{"robot[bot]"}, want: "was set by robot[bot], which is not a person"},
		"of one who is gone":                {events: []string{"ghost"}, want: "was set by ghost, whose role is none"},
		"of one who has become a reader":    {events: []string{"rex"}, want: "was set by rex, whose role is read"},
		"removed":                           {events: []string{"ann", "-tess"}, want: "has no maintainer's consent"},
		"removed, and set by a triager":     {events: []string{"ann", "-tess", "tess"}, want: "was set by tess, whose role is triage"},
		"a triager's, which an admin sets":  {events: []string{"tess", "-ann", "ann"}},
		"set again by a triager in vain":    {events: []string{"ann", "tess"}}, // GitHub notes no event
		"few digits, which others can have": {events: []string{"ann"}, label: "shipkit-ok:0123456789ab", want: "has no maintainer's consent"},
		"few digits of everything":          {sha: head[:12], events: []string{"ann"}, label: "shipkit-ok:0123456789ab", want: "has no maintainer's consent"},
		"of an earlier push":                {sha: "f" + head[1:], events: []string{"ann"}, want: "has no maintainer's consent"},
		"of nothing":                        {sha: "-", events: []string{"ann"}, label: "shipkit-ok:", want: "has no maintainer's consent"},
	} {
		server, client := start(t)
		server.Roles = roles
		server.Pulls = []githubtest.Pull{{Number: 7, State: "open", Head: "mallory/shop", SHA: head}}
		if test.ours {
			server.Pulls[0].Head = repository
		}
		switch test.sha {
		case "":
		case "-":
			server.Pulls[0].SHA = ""
		default:
			server.Pulls[0].SHA = test.sha
		}
		if test.label == "" {
			test.label = label
		}
		for range 120 { // the event that counts is on the second page
			server.Label(7, "ann", "preview")
			server.Unlabel(7, "ann", "preview")
		}
		for _, who := range test.events {
			if remover, removes := strings.CutPrefix(who, "-"); removes {
				server.Unlabel(7, remover, test.label)
				continue
			}
			now := roles[who]
			if now == "read" || now == "none" { // not then
				roles[who] = "write"
			}
			if !server.Label(7, who, test.label) {
				t.Errorf("%s: %s cannot set labels", name, who)
			}
			roles[who] = now
		}
		pull, _, err := client.Pull(t.Context(), 7)
		if err != nil {
			t.Fatal(err)
		}
		err = client.Trusted(t.Context(), pull)
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
	}
}

// A label whose event cannot be seen is nobody's, and a token that may not ask
// is told what it lacks.
func TestTrustedNeedsTheEvent(t *testing.T) {
	server, client := start(t)
	pull := Pull{Number: 7, SHA: head, Fork: true, Labels: []string{label}}
	if err := client.Trusted(t.Context(), pull); err == nil || !strings.Contains(err.Error(), "no event tells who set the label") {
		t.Errorf("without an event: %v", err)
	}
	server.Roles["ann"] = "admin"
	server.Pulls = []githubtest.Pull{{Number: 7}}
	server.Label(7, "ann", label)
	if err := client.Trusted(t.Context(), pull); err != nil {
		t.Errorf("with an event: %v", err)
	}
	server.Unlabel(7, "ann", label) // after the pull request was looked up
	if err := client.Trusted(t.Context(), pull); err == nil {
		t.Error("a label that has been removed meanwhile counts")
	}
	server.Denied = []string{"GET issues/N/events"}
	if err := client.Trusted(t.Context(), pull); !errors.Is(err, ErrDenied) || !strings.Contains(err.Error(), "list events of pull request 7") {
		t.Errorf("with a token that may not ask: %v", err)
	}
}

func TestReadersSetNoLabels(t *testing.T) {
	server, _ := start(t)
	server.Pulls = []githubtest.Pull{{Number: 7}}
	if server.Label(7, "mallory", label) || len(server.Pulls[0].Labels) > 0 {
		t.Error("a stranger can set labels")
	}
}
