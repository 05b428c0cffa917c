package ephemeralenv

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// exitTidily ends the process with the code of the tests, or 1 if they leave
// anything.
func exitTidily(run func() int) {
	code, err := tidily(run)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// tidily runs the tests with a folder of their own for temporary files, and
// fails if they leave a file, a process, a container or an open port.
func tidily(run func() int) (code int, err error) {
	dir, err := os.MkdirTemp("", "ephemeral-env-")
	if err != nil {
		return 1, fmt.Errorf("make a folder for the tests: %w", err)
	}
	defer os.RemoveAll(dir)
	// PostgreSQL runs as a user of its own, who must get through.
	if err := errors.Join(os.Chmod(dir, 0o755), os.Setenv("TMPDIR", dir)); err != nil { //nolint:gosec // as said
		return 1, fmt.Errorf("prepare a folder for the tests: %w", err)
	}
	code = run()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		return 1, fmt.Errorf("look for files that are left: %w", err)
	}
	left := slices.Concat(files, processes(dir), containers(), ports())
	if len(left) > 0 {
		return 1, fmt.Errorf("the tests left behind:\n%s", strings.Join(left, "\n"))
	}
	return code, nil
}

// processes are those that inherited the folder for temporary files, whoever
// their parent is by now.
func processes(dir string) []string {
	var left []string
	all, _ := filepath.Glob("/proc/[0-9]*")
	for _, at := range all {
		env, err := os.ReadFile(filepath.Join(at, "environ"))
		if err != nil || at == fmt.Sprintf("/proc/%d", os.Getpid()) || !strings.Contains(string(env), "TMPDIR="+dir+"\x00") {
			continue
		}
		command, _ := os.ReadFile(filepath.Join(at, "cmdline"))
		left = append(left, "process "+filepath.Base(at)+" "+strings.ReplaceAll(string(command), "\x00", " "))
	}
	return left
}

// containers are those that bear this process's mark.
func containers() []string {
	out, err := exec.Command("docker", "ps", "--all", "--filter", "label=shipkit.local.owner", //nolint:noctx // it ends the tests
		"--format", `container {{.Names}} {{.Label "shipkit.local.owner"}}`).CombinedOutput()
	if err != nil {
		return []string{fmt.Sprintf("containers unknown: start a Docker engine: %v: %s", err, out)}
	}
	return slices.DeleteFunc(strings.Split(strings.TrimSpace(string(out)), "\n"), func(line string) bool {
		return !strings.Contains(line, fmt.Sprintf("/%d/", os.Getpid()))
	})
}

// ports are those that this process still listens on, from proc_net(5).
func ports() []string {
	listening := map[string]string{}
	for _, file := range []string{"/proc/self/net/tcp", "/proc/self/net/tcp6"} {
		table, _ := os.ReadFile(file)
		for line := range strings.Lines(string(table)) {
			if f := strings.Fields(line); len(f) > 9 && f[3] == "0A" {
				listening["socket:["+f[9]+"]"] = "port " + f[1]
			}
		}
	}
	var left []string
	open, _ := filepath.Glob("/proc/self/fd/*")
	for _, fd := range open {
		if target, err := os.Readlink(fd); err == nil && listening[target] != "" {
			left = append(left, listening[target])
		}
	}
	return left
}
