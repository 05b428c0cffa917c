package demo

import (
	"context"
	"fmt"
	"strings"

	"github.com/org/shipkit/internal/acttest"
)

// pullRequest opens a pull request.
func (s *story) pullRequest(ctx context.Context) error {
	s.say("\n6. A pull request gets an environment of its own, in front of dev")
	s.files = with(s.files, "public/index.html", "<h1>Sannu</h1>\n")
	result, err := s.pull(ctx, "opened")
	if err != nil {
		return err
	}
	at := result.Outputs["environment"]
	if result.ExitCode != 0 || at["state"] != "ready" {
		return s.unexpected(result, "the environment is %q, want ready", at["state"])
	}
	answer, err := get(ctx, s.devURL+"/version")
	if err != nil {
		return err
	}
	if strings.Contains(answer, `"v0"`) {
		return fmt.Errorf("%s answers %s, want the pull request's version", s.devURL, answer)
	}
	s.say("  ✅ %s is ready until %s, at most %s dollars", at["environment"], at["expires-at"], at["estimated-cost"])
	s.say("  curl %s/version: %s", s.devURL, answer)
	for _, comment := range s.github.Comments(7) {
		_, text, _ := strings.Cut(comment.Body, "\n") // the first line is for machines
		s.say("  the comment on the pull request: %s", strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n    "))
	}
	return nil
}

// closed ends the pull request.
func (s *story) closed(ctx context.Context) error {
	s.say("\n7. The pull request is closed, and its environment goes")
	s.github.Pulls[0].State = "closed"
	result, err := s.pull(ctx, "closed")
	if err != nil {
		return err
	}
	at := result.Outputs["environment"]
	if result.ExitCode != 0 || at["state"] != "ending" {
		return s.unexpected(result, "the environment is %q, want ending", at["state"])
	}
	answer, err := get(ctx, s.devURL+"/version")
	if err != nil {
		return err
	}
	if !strings.Contains(answer, `"v0"`) {
		return fmt.Errorf("%s answers %s, want v0 of dev itself", s.devURL, answer)
	}
	s.say("  ✅ %s is gone\n  curl %s/version: %s", at["environment"], s.devURL, answer)
	return nil
}

func (s *story) pull(ctx context.Context, event string) (acttest.Result, error) {
	trigger := "pull_request"
	if event == "closed" {
		trigger = "pull_request_target"
	}
	return s.run(ctx, acttest.Workflow{File: "pull-request.yml", Files: s.files, Event: trigger,
		Secrets: map[string]string{"GITHUB_TOKEN": "token"}, Payload: map[string]any{
			"action": event, "number": 7,
			"pull_request": map[string]any{"number": 7, "head": map[string]any{"repo": map[string]any{"fork": false, "full_name": "example/app"}}},
		}})
}
