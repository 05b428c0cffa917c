package terraform

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/org/shipkit/pkg/diag"
	"github.com/org/shipkit/pkg/environment"
	"github.com/org/shipkit/pkg/namespace"
	"github.com/org/shipkit/pkg/progress"
)

// notes are kept in memory.
type notes map[string]string

func (n notes) Get(_ context.Context, ns namespace.Namespace) (string, error) {
	return n[ns.String()], nil
}

func (n notes) Put(_ context.Context, ns namespace.Namespace, note string) error {
	n[ns.String()] = note
	return nil
}

func (n notes) Delete(_ context.Context, ns namespace.Namespace) error {
	delete(n, ns.String())
	return nil
}

var pr1 = namespace.Namespace{Customer: "xy", Project: "0146", Environment: "pr1"}

// backend copies a directory of testdata, where the real binary runs.
func backend(t *testing.T, name string) (*Backend, notes) {
	t.Helper()
	binary, err := Find(exec.LookPath)
	if err != nil {
		t.Fatalf("install terraform or tofu: %v", err)
	}
	dir := t.TempDir()
	code, err := os.ReadFile(filepath.Join("testdata", name, "main.tf"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "main.tf"), code, 0o600); err != nil {
		t.Fatal(err)
	}
	known := notes{}
	env := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "CHECKPOINT_DISABLE=1"}
	return &Backend{Binary: binary, Dir: dir, Env: env, Notes: known}, known
}

func TestApplyUpdateDestroy(t *testing.T) {
	b, known := backend(t, "good")
	var plan string
	var lines []string
	b.ShowPlan = func(text string) { plan = text }
	b.Progress = func(e progress.Event) { lines = append(lines, e.Text) }
	b.Configure = []string{"sh", "-c", `cat "$SHIPKIT_INVENTORY" > inventory.seen; grep -q xy-0146-pr1 "$SHIPKIT_OUTPUTS"`}
	if status, err := b.Look(t.Context(), pr1); status != nil || err != nil {
		t.Fatalf("look before: %+v, %v", status, err)
	}
	for _, label := range []string{"c1", "c2"} {
		request := environment.Request{Commit: label, Parameters: map[string]string{"version_label": label}}
		if err := b.Apply(t.Context(), pr1, request); err != nil {
			t.Fatal(err)
		}
		status, err := b.Look(t.Context(), pr1)
		if err != nil || !status.Ready || status.Version != request.Fingerprint() || status.URL != "http://xy-0146-pr1.example.com" ||
			status.Outputs["label"] != "xy-0146-pr1 "+label {
			t.Errorf("look: %+v, %v", status, err)
		}
		if strings.Contains(known["xy-0146-pr1"], "hunter2") {
			t.Error("a sensitive output is kept")
		}
	}
	if !strings.Contains(plan, "1 to change") {
		t.Errorf("the second plan: %s", plan)
	}
	if text := strings.Join(lines, "\n"); !strings.Contains(text, "terraform_data.app") || !strings.Contains(text, "sh done") {
		t.Errorf("progress: %s", text)
	}
	if seen, err := os.ReadFile(filepath.Join(b.Dir, "inventory.seen")); err != nil || string(seen) != "[web]\nxy-0146-pr1.example.com\n" {
		t.Errorf("inventory: %q, %v", seen, err)
	}
	if err := b.Destroy(t.Context(), pr1); err != nil {
		t.Fatal(err)
	}
	if status, err := b.Look(t.Context(), pr1); status != nil || err != nil {
		t.Errorf("look after: %+v, %v", status, err)
	}
	if list, err := b.run(t.Context(), "workspace", "list"); err != nil || strings.Contains(list, "pr1") {
		t.Errorf("workspaces: %s, %v", list, err)
	}
}

func TestFailureHasItsPlaceAndIsFoundAgain(t *testing.T) {
	b, _ := backend(t, "broken")
	err := b.Apply(t.Context(), pr1, environment.Request{})
	list := diag.From(err)
	if len(list) != 1 || list[0].Line != 2 || !strings.HasSuffix(list[0].File, "main.tf") || !strings.Contains(list[0].Error(), "exit status 7") {
		t.Errorf("error: %v", err)
	}
	status, err := b.Look(t.Context(), pr1)
	if err != nil || status == nil || status.Ready {
		t.Errorf("what was begun is not seen: %+v, %v", status, err)
	}
	if err := b.Destroy(t.Context(), pr1); err != nil {
		t.Error(err)
	}
}

func TestBadVariable(t *testing.T) {
	b, _ := backend(t, "good")
	err := b.Apply(t.Context(), pr1, environment.Request{Parameters: map[string]string{"size": "1"}})
	if err == nil || !strings.Contains(err.Error(), `"size"`) || strings.Contains(err.Error(), "│") {
		t.Errorf("error: %v", err)
	}
}

func TestConfigureFails(t *testing.T) {
	b, _ := backend(t, "good")
	b.Configure = []string{"sh", "-c", "echo unreachable host; exit 4"}
	err := b.Apply(t.Context(), pr1, environment.Request{})
	if err == nil || !strings.Contains(err.Error(), "unreachable host") {
		t.Errorf("error: %v", err)
	}
}

func TestLockedState(t *testing.T) {
	const info = "Lock Info:\n  ID:        1c53-b7f\n  Path:      a/terraform.tfstate\n  Operation: OperationTypeApply\n" +
		"  Who:       ada@runner\n  Version:   1.11.4\n  Created:   2026-11-21 13:14:30.05 +0000 UTC\n  Info:      \n"
	want := "the Terraform state a/terraform.tfstate is locked by ada@runner for OperationTypeApply since 2026-11-21 13:14:30.05 +0000 UTC\n" +
		"Try: wait for that run and run again; if it is dead, in the state's workspace: terraform force-unlock 1c53-b7f"
	b := &Backend{Binary: "/usr/bin/terraform", Dir: "infra"}
	framed := "\x1b[31m╷\x1b[0m\n│ Error: Error acquiring the state lock\n│ \n│ " + strings.ReplaceAll(info, "\n", "\n\x1b[31m│\x1b[0m ") + "\n╵\n"
	for name, err := range map[string]error{
		"text": b.failed("plan", framed, exec.ErrNotFound),
		"JSON": b.finding(diagnostic{Severity: "error", Summary: "Error acquiring the state lock", Detail: "Error message: unavailable\n" + info}),
	} {
		if err.Error() != want || !errors.Is(err, ErrLocked) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestBadCodeHasItsPlaceAndGoesAgain(t *testing.T) {
	for name, code := range map[string]string{
		"init": "variable \"a\" {}\noutput \"b\" {\n  value = \n}\n",
		"plan": "variable \"a\" {}\noutput \"b\" {\n  value = var.missing\n}\n",
	} {
		b, known := backend(t, "good")
		if err := os.WriteFile(filepath.Join(b.Dir, "main.tf"), []byte(code), 0o600); err != nil {
			t.Fatal(err)
		}
		err := b.Apply(t.Context(), pr1, environment.Request{Parameters: map[string]string{"a": "1"}})
		list := diag.From(err)
		if len(list) != 1 || list[0].Line != 3 || !strings.HasSuffix(list[0].File, "main.tf") || !strings.Contains(err.Error(), "value =") {
			t.Errorf("%s: %v", name, err)
		}
		if err := b.Destroy(t.Context(), pr1); err != nil || len(known) > 0 {
			t.Errorf("%s: the end: %v, %v", name, err, known)
		}
	}
}

func TestFind(t *testing.T) {
	only := func(name string) func(string) (string, error) {
		return func(wanted string) (string, error) {
			if wanted == name {
				return "/bin/" + name, nil
			}
			return "", exec.ErrNotFound
		}
	}
	if got, err := Find(only("tofu")); err != nil || got != "/bin/tofu" {
		t.Errorf("Find = %s, %v", got, err)
	}
	if _, err := Find(only("none")); err == nil || !strings.Contains(err.Error(), "Try:") {
		t.Errorf("Find of nothing: %v", err)
	}
}

func TestWarningsBeforeTheOutputs(t *testing.T) {
	dir := t.TempDir()
	binary := filepath.Join(dir, "tofu")
	script := "#!/bin/sh\nprintf '\\nWarning: {no} configuration\\n\\n{\"url\":{\"value\":\"http://one.example\"}}\\n'\n"
	if err := os.WriteFile(binary, []byte(script), 0o700); err != nil { //nolint:gosec // it is run
		t.Fatal(err)
	}
	outputs, err := (&Backend{Binary: binary, Dir: dir}).outputs(t.Context())
	if err != nil || outputs["url"] != "http://one.example" {
		t.Errorf("outputs %v, %v", outputs, err)
	}
}
