// Package demo shows the whole chain on one machine: a local AWS, a sample app,
// and the shipped workflows, run as GitHub would run them.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/org/shipkit/internal/acttest"
	"github.com/org/shipkit/internal/localaws/fault"
	"github.com/org/shipkit/pkg/markdown"
)

// Options of Run.
type Options struct {
	// Root is the module's folder.
	Root string
	Out  io.Writer
	// Keep leaves all running after the last chapter until ctx is done.
	Keep bool
	// Calls gets what each action called, by its name, before all ends; may be
	// nil.
	Calls func(calls []fault.Call, keys map[string]string)
}

// Run tells the story and leaves nothing behind. A chapter that ends otherwise
// than it should is an error.
func Run(ctx context.Context, o Options) error {
	start := time.Now()
	files, err := repository(o.Root)
	if err != nil {
		return err
	}
	s := &story{out: o.Out, files: files, root: o.Root}
	s.say("This is a rehearsal of shipkit on this machine: nothing leaves it, and nothing stays.\n" +
		"Local AWS starts. Its environment staging runs version v0 of a web app, and dev has a database with three greetings.")
	if s.world, err = newWorld(ctx, o.Root); err != nil {
		return err
	}
	err = s.tell(ctx)
	if err == nil && o.Calls != nil {
		o.Calls(s.aws.Calls(), s.keys)
	}
	if err == nil && o.Keep {
		s.say("\nAll runs on until Ctrl-C:\n  staging  %s\n  dev      %s\n  AWS      AWS_ENDPOINT_URL=%s", s.url, s.devURL, s.aws.URL)
		<-ctx.Done()
	}
	if err := errors.Join(err, s.close()); err != nil {
		return err
	}
	s.say("\nContainers, databases and ports are gone again. That took %s. What you saw is explained in docs/reusable-workflows.md;\n"+
		"the workflows that ran are those of testdata/demo/.github/workflows. To look around in it: make demo KEEP=1",
		markdown.Duration(time.Since(start)))
	return nil
}

func (s *story) tell(ctx context.Context) error {
	if !s.docker {
		s.say("No Docker engine answers, so the app runs as plain processes, and its image is packed without `docker build`.")
	}
	s.say("Open them in a browser while this runs:\n  staging  %s\n  dev      %s", s.url, s.devURL)
	for _, chapter := range []func(context.Context) error{s.first, s.second, s.third, s.fourth, s.back, s.pullRequest, s.closed} {
		if err := chapter(ctx); err != nil {
			return err
		}
	}
	return nil
}

// story is the demo as it goes.
type story struct {
	*world
	out   io.Writer
	root  string
	files map[string]string
	runs  int
	// serving is the version that staging should answer with, revision the
	// task definition of the last version that was shipped.
	serving, revision string
	// before and its revision are the first version's.
	before, beforeRevision string
}

func (s *story) say(format string, args ...any) { _, _ = fmt.Fprintf(s.out, format+"\n", args...) }

// first ships the app for the first time, onto a copy of the database of dev.
func (s *story) first(ctx context.Context) error {
	s.say("\n1. The first push. ship.yml builds the image, copies the database of dev to staging, deploys, and tests what answers.\n" +
		"   Before its first step the actions are compiled, which takes a minute where nothing is cached")
	if err := s.succeeds(ctx, map[string]string{"PROMOTE_DATABASE": "true"}); err != nil {
		return err
	}
	s.before, s.beforeRevision = s.serving, s.revision
	words, err := s.greetings(ctx)
	if err != nil {
		return err
	}
	s.say("  the database of staging says: %s", strings.Join(words, ", "))
	return nil
}

// second changes a line of a page.
func (s *story) second(ctx context.Context) error {
	s.say("\n2. The second push changes one line of a page. Only that goes over the line")
	s.files = with(s.files, "public/index.html", "<h1>Ẹ káàbọ̀</h1>\n")
	return s.succeeds(ctx, nil)
}

// third does not start.
func (s *story) third(ctx context.Context) error {
	s.say("\n3. The third push is broken: the program exits with code 3. ECS goes back by itself, and shipkit says why")
	files := with(s.files, "Dockerfile", broken(s.files["Dockerfile"]))
	result, err := s.push(ctx, files, nil)
	if err != nil {
		return err
	}
	if got := result.Outputs["record"]["status"]; got != "rolled-back" || result.ExitCode == 0 {
		return s.unexpected(result, "the status is %q, want rolled-back", got)
	}
	s.say("  ❌ %s", result.Outputs["record"]["reason"])
	for _, a := range result.Annotations {
		if a.Level == "error" && a.Step == "deploy" {
			s.say("  what it found: %s", strings.ReplaceAll(a.Message, "\n", "\n    "))
		}
	}
	return s.serves(ctx)
}

// succeeds pushes and expects the new version to serve.
func (s *story) succeeds(ctx context.Context, vars map[string]string) error {
	result, err := s.push(ctx, s.files, vars)
	if err != nil {
		return err
	}
	if got := result.Outputs["record"]["status"]; got != "succeeded" || result.ExitCode != 0 {
		return s.unexpected(result, "the status is %q, want succeeded", got)
	}
	s.serving, s.revision = result.Outputs["record"]["version"], result.Outputs["deploy"]["task-definition-arn"]
	sent, _ := strconv.ParseInt(result.Outputs["record"]["bytes-sent"], 10, 64)
	total, _ := strconv.ParseInt(result.Outputs["build"]["bytes-total"], 10, 64)
	s.say("  ✅ %s is deployed; of the image's %s, %s went to the registry", s.serving, markdown.Bytes(total), markdown.Bytes(sent))
	return s.serves(ctx)
}

// fourth starts, is healthy, and is not what was shipped.
func (s *story) fourth(ctx context.Context) error {
	s.say("\n4. The fourth push is healthy, but answers as another version. Only the smoke test finds that, so ship.yml goes back")
	result, err := s.push(ctx, with(s.files, "Dockerfile", mistaken(s.files["Dockerfile"])), nil)
	if err != nil {
		return err
	}
	if got := result.Outputs["record"]["status"]; got != "rolled-back" || result.ExitCode == 0 {
		return s.unexpected(result, "the status is %q, want rolled-back", got)
	}
	s.say("  ❌ %s", result.Outputs["record"]["reason"])
	return s.serves(ctx)
}

// back undoes the second push.
func (s *story) back(ctx context.Context) error {
	s.say("\n5. Somebody goes back to the first version by hand, with rollback.yml: the plan first, then the rollback")
	result, err := s.run(ctx, acttest.Workflow{File: "rollback.yml", Files: s.files, Event: "workflow_dispatch",
		Inputs: map[string]string{"to": s.beforeRevision}})
	if err != nil {
		return err
	}
	if got := result.Outputs["record"]["status"]; result.ExitCode != 0 || got != "succeeded" {
		return s.unexpected(result, "the status is %q, want succeeded", got)
	}
	if got := result.Outputs["record"]["version"]; got != s.before {
		return s.unexpected(result, "the history says that %q serves, want %s", got, s.before)
	}
	s.serving = s.before
	return s.serves(ctx)
}

// serves expects staging to answer with the version that should serve.
func (s *story) serves(ctx context.Context) error {
	answer, err := get(ctx, s.url+"/version")
	if err != nil {
		return err
	}
	if !strings.Contains(answer, `"`+s.serving+`"`) {
		return fmt.Errorf("%s answers %s, want version %s", s.url, answer, s.serving)
	}
	s.say("  curl %s/version: %s", s.url, answer)
	return nil
}

// push ships a commit to staging.
func (s *story) push(ctx context.Context, files, vars map[string]string) (acttest.Result, error) {
	return s.run(ctx, acttest.Workflow{File: "ship.yml", Files: files, Vars: vars})
}

// compile is how the sample app's workflows prepare the image.
const compile = "go build -trimpath -buildvcs=false -o web ."

// run runs a workflow of the sample app, which is named without its folder.
func (s *story) run(ctx context.Context, w acttest.Workflow) (acttest.Result, error) {
	start := time.Now()
	s.runs++
	dir := filepath.Join(s.dir, fmt.Sprint("run", s.runs))
	if err := os.Mkdir(dir, 0o700); err != nil {
		return acttest.Result{}, fmt.Errorf("make a folder for the run: %w", err)
	}
	text, err := os.ReadFile(filepath.Join(s.root, "testdata", "demo", ".github", "workflows", filepath.Clean(w.File)))
	if err != nil {
		return acttest.Result{}, fmt.Errorf("read the workflow: %w", err)
	}
	w.File, w.YAML = "", string(text)
	if !s.docker {
		w.YAML = strings.Replace(w.YAML, compile, compile+` && "$PACK" -pack`, 1)
		w.Files = with(w.Files, ".shipkit.yml", strings.Replace(w.Files[".shipkit.yml"], "  inputs:\n",
			"  inputs:\n    build-image: {source: docker-archive:"+Archive+"}\n", 1))
	}
	w.Env, w.ActionEnv, w.Stubs = s.env, s.actionEnv, acttest.OfOthers
	vars := map[string]string{"IMAGE": s.image}
	maps.Copy(vars, w.Vars)
	w.Vars, w.Watch = vars, s.step
	result, err := acttest.Execute(ctx, dir, w)
	if err != nil {
		return result, err //nolint:wrapcheck // says what was run
	}
	if result.TimedOut {
		return result, s.unexpected(result, "the workflow did not end")
	}
	s.say("  the workflow took %s", markdown.Duration(time.Since(start)))
	return result, nil
}

// step shows a step of a workflow that has ended.
func (s *story) step(name, result string) {
	marks := map[string]string{"success": "✓", "failure": "✗"}
	if mark := marks[result]; mark != "" && name != "Set up job" && name != "Complete job" && !strings.Contains(name, "@") {
		s.say("  %s %s", mark, name)
	}
}

// unexpected is an error with all that the run showed.
func (s *story) unexpected(result acttest.Result, format string, args ...any) error {
	return fmt.Errorf("%s\n%s\n%s\n%s", fmt.Sprintf(format, args...), result.Summary, result.Log, result.Stderr)
}
