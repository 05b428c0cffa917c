package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/org/shipkit/pkg/smoke/scenario"
)

type asker = func(ctx context.Context, a scenario.Ask, dir string) (bool, string)

// start runs a tool and returns its output and whether it exits with 0.
func start(ctx context.Context, env []string, name string, args ...string) (string, bool) {
	command := exec.CommandContext(ctx, name, args...)
	command.Env = append(os.Environ(), env...)
	command.WaitDelay = time.Second
	var out bytes.Buffer
	command.Stdout, command.Stderr = &out, &out
	err := command.Run()
	return out.String(), err == nil
}

// file writes a file of a tool; a failure shows when the tool reads it.
func file(dir, name, text string) string {
	path := filepath.Join(dir, name)
	_ = os.WriteFile(path, []byte(text), 0o600)
	return path
}

func last(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}

func status(a scenario.Ask) int {
	if a.Status != 0 {
		return a.Status
	}
	return 200
}

func askShipkit(path string) asker {
	return func(ctx context.Context, a scenario.Ask, dir string) (bool, string) {
		out, ok := start(ctx, nil, path, "smoke-test", "--checks", file(dir, "smoke.yml", a.CheckFile(scenario.Timeout)))
		return ok, last(out)
	}
}

// askCurl asks once, with curl's own retries, and looks at status, time and
// body as a shell script would.
func askCurl(path string) asker {
	return func(ctx context.Context, a scenario.Ask, dir string) (bool, string) {
		body := filepath.Join(dir, "body")
		args := []string{
			"-sS", "-L", "--compressed", "--max-redirs", "10", "--max-filesize", "10M",
			"--retry", "8", "--retry-all-errors", "--retry-delay", "0", "--retry-max-time", seconds(scenario.Timeout),
			"--max-time", seconds(scenario.AttemptTimeout), "-o", body, "-w", "%{http_code} %{time_total}",
		}
		for name, value := range a.Headers {
			args = append(args, "-H", name+": "+value)
		}
		for flag, value := range map[string]string{"--cacert": a.CA, "--resolve": a.Resolve} {
			if value != "" {
				args = append(args, flag, value)
			}
		}
		if a.IPv6 {
			args = append(args, "-6")
		}
		if a.HTTP2 {
			args = append(args, "--http2")
		}
		out, ok := start(ctx, nil, path, append(args, a.URL)...)
		code, took, _ := strings.Cut(last(out), " ")
		slow, _ := strconv.ParseFloat(took, 64)
		content, _ := os.ReadFile(body) //nolint:gosec // our own file
		good := ok && code == strconv.Itoa(status(a)) && strings.Contains(string(content), a.Contains) &&
			(a.Version == "" || strings.Contains(string(content), `"version":"`+a.Version+`"`)) &&
			(a.P95 == 0 || slow <= a.P95.Seconds())
		return good, last(out)
	}
}

// askHurl writes the Hurl file of the question.
func askHurl(path string) asker {
	return func(ctx context.Context, a scenario.Ask, dir string) (bool, string) {
		var b strings.Builder
		line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
		line("GET %s", a.URL)
		for name, value := range a.Headers {
			line("%s: %s", name, value)
		}
		line("[Options]\nlocation: true\nmax-redirs: 10\ncompressed: true\nretry: 12\nretry-interval: 300ms\nmax-time: %s", scenario.AttemptTimeout)
		for option, value := range map[string]string{"cacert": a.CA, "resolve": a.Resolve} {
			if value != "" {
				line("%s: %s", option, value)
			}
		}
		for option, set := range map[string]bool{"ipv6": a.IPv6, "http2": a.HTTP2} {
			if set {
				line("%s: true", option)
			}
		}
		if a.Version != "" {
			line("repeat: 10")
		}
		line("HTTP %d\n[Asserts]", status(a))
		if a.Contains != "" {
			line("bytes contains hex,%x;", a.Contains)
		}
		if a.Version != "" {
			line("jsonpath \"$.version\" == %q", a.Version)
		}
		if a.P95 > 0 {
			line("duration < %d", a.P95.Milliseconds())
		}
		out, ok := start(ctx, nil, path, "--no-color", "--test", file(dir, "smoke.hurl", b.String()))
		return ok, strings.Join(strings.Fields(out), " ")
	}
}

func seconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) }
