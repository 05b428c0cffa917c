package acttest_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/org/shipkit/internal/acttest"
)

func TestRunSeesWhatAPersonSees(t *testing.T) {
	result := acttest.Run(t, acttest.Workflow{
		YAML: `
on: pull_request
jobs:
  one:
    runs-on: ubuntu-latest
    outputs: {answer: "${{ steps.say.outputs.answer }}"}
    steps:
      - uses: actions/checkout@v5
      - uses: someone/else@v1
      - uses: org/shipkit@v1
      - id: say
        env: {TITLE: "${{ github.event.pull_request.title }}"}
        run: |
          echo "::add-mask::hunter22"
          echo "pw hunter22 ${{ secrets.KEY }}, $TITLE, $PLACE, $(cat data/file)"
          echo "::error file=a.txt,line=3::bad%0Athing"
          echo "# Sum" >> "$GITHUB_STEP_SUMMARY"
          echo "answer=42" >> "$GITHUB_OUTPUT"
          shipkit version
  two:
    needs: one
    runs-on: ubuntu-latest
    steps:
      - run: echo "the answer is ${{ needs.one.outputs.answer }}"
      - id: fails
        run: exit 3
      - {id: skipped, run: echo never}
`,
		Event:   "pull_request",
		Payload: map[string]any{"pull_request": map[string]any{"title": "Add x", "number": 7}},
		Env:     map[string]string{"PLACE": "Lagos"},
		Secrets: map[string]string{"KEY": "topsecret"},
		Files:   map[string]string{"data/file": "content"},
		Stubs:   []string{"someone/else@v1"},
	})
	if result.ExitCode == 0 || result.Jobs["one"] != "success" || result.Jobs["two"] != "failure" {
		t.Errorf("exit %d, jobs %v\n%s\n%s", result.ExitCode, result.Jobs, result.Log, result.Stderr)
	}
	if result.Outputs["say"]["answer"] != "42" || result.Steps["fails"] != "failure" || result.Steps["skipped"] == "success" {
		t.Error(result.Outputs, result.Steps)
	}
	for _, want := range []string{"pw *** ***, Add x, Lagos, content", "the answer is 42", "shipkit v0.0.0-test"} {
		if !strings.Contains(result.Log, want) {
			t.Errorf("log lacks %q:\n%s", want, result.Log)
		}
	}
	if result.Summary != "# Sum\n" || !slices.Contains(result.Masks, "hunter22") {
		t.Error(result.Summary, result.Masks)
	}
	want := acttest.Annotation{Level: "error", Message: "bad\nthing", File: "a.txt", Line: 3, Step: "say"}
	if !slices.Contains(result.Annotations, want) {
		t.Error(result.Annotations)
	}
}
