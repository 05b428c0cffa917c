package acttest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/org/shipkit/internal/release"
)

// Tree returns the folder of the release tree, built once a test process for
// this machine's platform only. Do not change it.
func Tree(t testing.TB) string {
	t.Helper()
	tree, err := buildTree()
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// Binary returns the path of the shipkit binary in the release tree.
func Binary(t testing.TB) string {
	t.Helper()
	return filepath.Join(Tree(t), "bin", "shipkit-"+runtime.GOOS+"-"+runtime.GOARCH)
}

const treePrefix = "shipkit-acttest-"

// buildTree leaves the tree for the whole process, since no test is the last.
// The next process removes it.
var buildTree = sync.OnceValues(func() (string, error) {
	removeStale()
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	out := filepath.Join(os.TempDir(), treePrefix+strconv.Itoa(os.Getpid()))
	err = release.Build(context.Background(), release.Options{
		Root: root, Out: out, Version: "v0.0.0-test", Commit: "test",
		Bundled: []release.Platform{{OS: runtime.GOOS, Arch: runtime.GOARCH}},
	})
	if err != nil {
		return "", fmt.Errorf("build the release tree: %w", err)
	}
	return out, nil
})

func removeStale() {
	trees, _ := filepath.Glob(filepath.Join(os.TempDir(), treePrefix+"*"))
	for _, tree := range trees {
		pid, err := strconv.Atoi(strings.TrimPrefix(filepath.Base(tree), treePrefix))
		if err == nil && errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			_ = os.RemoveAll(tree)
		}
	}
}

// moduleRoot finds the folder of go.mod above the working directory, which is
// that of the test's package.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the module: %w", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if parent := filepath.Dir(dir); parent != dir {
			dir = parent
			continue
		}
		return "", errors.New("find the module: no go.mod above the test")
	}
}

// tool finds a program that `make tools` installs.
func tool(name string) (string, error) {
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	path := filepath.Join(root, ".bin", name)
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	path, err = exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("find %s: %w; try: make tools", name, err)
	}
	return path, nil
}
