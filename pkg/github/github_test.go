package github

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/org/shipkit/internal/githubtest"
)

const repository = "acme/shop"

func start(t *testing.T) (*githubtest.Server, *Client) {
	t.Helper()
	server := githubtest.New(t, repository)
	client, err := New(server.Client(), "token", server.URL, repository)
	if err != nil {
		t.Fatal(err)
	}
	return server, client
}

func stick(t *testing.T, c *Client, run int64, body string) bool {
	t.Helper()
	written, err := c.Stick(t.Context(), 7, Comment{Key: "env", Run: run, Body: body})
	if err != nil {
		t.Fatal(err)
	}
	return written
}

func TestStickKeepsOneComment(t *testing.T) {
	server, client := start(t)
	for i := range 150 { // the sticky one is on the second page
		server.AddComment(7, fmt.Sprint("talk ", i))
	}
	stick(t, client, 1, "starting")
	stick(t, client, 2, "ready")
	if !stick(t, client, 2, "ready again") {
		t.Error("a run may not write over its own comment")
	}
	if stick(t, client, 1, "late") {
		t.Error("an older run wrote over a newer one")
	}
	comments := server.Comments(7)
	if last := comments[len(comments)-1].Body; len(comments) != 151 || last != "<!-- shipkit env run=2 -->\nready again" {
		t.Errorf("%d comments, the last %q", len(comments), last)
	}
	if _, err := client.Stick(t.Context(), 7, Comment{Key: "other", Run: 1, Body: "x"}); err != nil || len(server.Comments(7)) != 152 {
		t.Errorf("another key shares the comment: %v", err)
	}
}

// Runs that start at once each see no comment, because lists lag behind.
func TestStickRace(t *testing.T) {
	server, client := start(t)
	server.Lag = true
	var wait sync.WaitGroup
	for run := range int64(6) {
		wait.Go(func() {
			if _, err := client.Stick(t.Context(), 7, Comment{Key: "env", Run: run + 1, Body: fmt.Sprint("run ", run+1)}); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	server.Lag = false
	stick(t, client, 7, "the last word")
	comments := server.Comments(7)
	if len(comments) != 1 || !strings.HasSuffix(comments[0].Body, "the last word") {
		t.Errorf("comments: %v", comments)
	}
}

// Comments that only look like ours are left alone: they neither stop ours nor
// get into it.
func TestStickBelievesNobody(t *testing.T) {
	server, client := start(t)
	server.AddComment(7, "<!-- shipkit env run=999999999999 -->\nlog in at https://evil.example")
	if !stick(t, client, 1, "ready") {
		t.Error("a stranger's comment stops ours")
	}
	server.AddComment(7, "<!-- shipkit env run=999999999999 -->\nagain")
	stick(t, client, 2, "ready again")
	comments := server.Comments(7)
	if len(comments) != 3 || !strings.Contains(comments[0].Body, "evil") || comments[1].Body != "<!-- shipkit env run=2 -->\nready again" {
		t.Errorf("comments: %+v", comments)
	}
	// One of the team's, as with a personal token, counts.
	server.AddCommentOf(7, "MEMBER", "<!-- shipkit env run=3 -->\nby hand")
	if stick(t, client, 2, "late") {
		t.Error("an older run wrote over a newer one of a member's token")
	}
}

func TestRateLimitIsWaitedFor(t *testing.T) {
	server, client := start(t)
	server.Limited = 1
	stick(t, client, 1, "ready")
	if len(server.Comments(7)) != 1 {
		t.Error("the comment is missing")
	}
}

func TestForkTokenIsExplained(t *testing.T) {
	server, client := start(t)
	server.ReadOnly = true
	_, err := client.Stick(t.Context(), 7, Comment{Key: "env", Run: 1, Body: "x"})
	if !errors.Is(err, ErrDenied) || !strings.Contains(err.Error(), "Try: give the job the permissions") {
		t.Errorf("error: %v", err)
	}
}

func TestDeployments(t *testing.T) {
	server, client := start(t)
	ctx := t.Context()
	for i := range 2 {
		id, err := client.Deploy(ctx, Deployment{Environment: "pr7", Ref: fmt.Sprint("sha", i), Transient: true})
		if err != nil {
			t.Fatal(err)
		}
		if err := client.Mark(ctx, id, Success, "https://pr7.example.com", "", strings.Repeat("é", 200)); err != nil {
			t.Fatal(err)
		}
	}
	n, err := client.Retire(ctx, "pr7")
	if err != nil || n != 2 {
		t.Errorf("retired %d, %v", n, err)
	}
	for _, d := range server.Deployments {
		if strings.Join(d.States, " ") != "success inactive" {
			t.Errorf("deployment %d: %v", d.ID, d.States)
		}
	}
	if err := client.Set(ctx, Status{SHA: "abc", Context: "shipkit/env", Passed: true}); err != nil {
		t.Error(err)
	}
	if got := server.Statuses["abc"]; len(got) != 1 || got[0] != "shipkit/env=success" {
		t.Errorf("statuses: %v", got)
	}
}

func TestPulls(t *testing.T) {
	server, client := start(t)
	for i := range 230 {
		server.Pulls = append(server.Pulls, githubtest.Pull{Number: i + 1, State: "open"})
	}
	server.Pulls = append(server.Pulls, githubtest.Pull{Number: 999, State: "closed"})
	open, err := client.Open(t.Context())
	if err != nil || len(open) != 230 || open[230].Fork {
		t.Errorf("%d open, %+v, %v", len(open), open[230], err)
	}
	if len(server.Calls) != 3 {
		t.Errorf("%d calls, want 3", len(server.Calls))
	}
	if pull, found, err := client.Pull(t.Context(), 999); err != nil || !found || pull.Open {
		t.Errorf("Pull(999) = %+v, %v, %v", pull, found, err)
	}
	if _, found, err := client.Pull(t.Context(), 1000); err != nil || found {
		t.Errorf("Pull(1000) found %v, %v", found, err)
	}
}

func TestNewRefusesBadNames(t *testing.T) {
	for _, bad := range []string{"", "shop", "acme/", "/shop", "a/b/c"} {
		if _, err := New(nil, "t", "", bad); err == nil {
			t.Errorf("New accepts repository %q", bad)
		}
	}
}
