// Package demo shows the whole chain on one machine: a local AWS, a sample app,
// and the shipped workflows, run as GitHub would run them.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/org/shipkit/internal/acttest"
	"github.com/org/shipkit/pkg/markdown"
)

// Run tells the story on out and leaves nothing behind. root is the module's
// folder. A chapter that ends otherwise than it should is an error.
func Run(ctx context.Context, root string, out io.Writer) (err error) {
	start := time.Now()
	files, err := repository(root)
	if err != nil {
		return err
	}
	s := &story{root: root, out: out, files: files}
	s.say("Local AWS starts: staging runs version v0, the database of dev has three greetings")
	if s.world, err = newWorld(ctx, root); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	s.say("  staging answers at %s", s.url)
	for _, chapter := range []func(context.Context) error{s.first, s.second, s.third} {
		if err := chapter(ctx); err != nil {
			return err
		}
	}
	s.say("\nThat took %s. Everything is removed again.", markdown.Duration(time.Since(start)))
	return nil
}

// story is the demo as it goes.
type story struct {
	*world
	root  string
	out   io.Writer
	files map[string]string
	runs  int
	// serving is the version that staging should answer with.
	serving string
}

func (s *story) say(format string, args ...any) { _, _ = fmt.Fprintf(s.out, format+"\n", args...) }

// first ships the app for the first time, onto a copy of the database of dev.
func (s *story) first(ctx context.Context) error {
	s.say("\n1. The first push: build, promote the database from dev to staging, deploy, smoke test")
	return s.succeeds(ctx, map[string]string{"PROMOTE_DATABASE": "true"})
}

// second changes a line of a page.
func (s *story) second(ctx context.Context) error {
	s.say("\n2. The second push changes one line of a page")
	s.files = with(s.files, "public/index.html", "<h1>Ẹ káàbọ̀</h1>\n")
	return s.succeeds(ctx, nil)
}

// third does not start.
func (s *story) third(ctx context.Context) error {
	s.say("\n3. The third push is broken: the program exits with code 3")
	files := with(s.files, "Dockerfile", broken(s.files["Dockerfile"]))
	result, err := s.push(ctx, "ship.yml", files, nil)
	if err != nil {
		return err
	}
	if got := result.Outputs["record"]["status"]; got != "rolled-back" || result.ExitCode == 0 {
		return s.unexpected(result, "the status is %q, want rolled-back", got)
	}
	s.say("  ❌ %s", result.Outputs["record"]["reason"])
	return s.serves(ctx)
}

// succeeds pushes and expects the new version to serve.
func (s *story) succeeds(ctx context.Context, vars map[string]string) error {
	result, err := s.push(ctx, "ship.yml", s.files, vars)
	if err != nil {
		return err
	}
	if got := result.Outputs["record"]["status"]; got != "succeeded" || result.ExitCode != 0 {
		return s.unexpected(result, "the status is %q, want succeeded", got)
	}
	s.serving = result.Outputs["record"]["version"]
	sent, _ := strconv.ParseInt(result.Outputs["record"]["bytes-sent"], 10, 64)
	total, _ := strconv.ParseInt(result.Outputs["build"]["bytes-total"], 10, 64)
	s.say("  ✅ %s is deployed; the image has %s, %s were sent", s.serving, markdown.Bytes(total), markdown.Bytes(sent))
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

// push commits files and runs a workflow of the sample app.
func (s *story) push(ctx context.Context, workflow string, files, vars map[string]string) (acttest.Result, error) {
	start := time.Now()
	s.runs++
	dir := filepath.Join(s.dir, fmt.Sprint("run", s.runs))
	if err := os.Mkdir(dir, 0o700); err != nil {
		return acttest.Result{}, fmt.Errorf("make a folder for the run: %w", err)
	}
	all := map[string]string{"IMAGE": s.image}
	for name, value := range vars {
		all[name] = value
	}
	result, err := acttest.Execute(ctx, dir, acttest.Workflow{
		File: filepath.Join("testdata", "demo", ".github", "workflows", workflow),
		Env:  s.env, Vars: all, Files: files,
		Stubs: []string{"aws-actions/configure-aws-credentials@e6de054238d6b7531b4efff3b6587d9aade6a06c"},
	})
	if err != nil {
		return result, err //nolint:wrapcheck // says what was run
	}
	s.say("  the workflow took %s", markdown.Duration(time.Since(start)))
	return result, nil
}

// unexpected is an error with all that the run showed.
func (s *story) unexpected(result acttest.Result, format string, args ...any) error {
	return fmt.Errorf("%s\n%s\n%s\n%s", fmt.Sprintf(format, args...), result.Summary, result.Log, result.Stderr)
}
