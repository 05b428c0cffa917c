package acttest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
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

// tree is the release tree, with the variables of each action if there are any.
func (w Workflow) tree(dir string) (string, error) {
	shared, err := buildTree()
	if err != nil || len(w.ActionEnv) == 0 {
		return shared, err
	}
	tree := filepath.Join(dir, "tree")
	if err := linkTree(shared, tree); err != nil {
		return "", err
	}
	for name, env := range w.ActionEnv {
		text, err := json.Marshal(env)
		if err != nil {
			return "", fmt.Errorf("write the variables of %s: %w", name, err)
		}
		for _, entry := range []string{"index.js", "post.js"} {
			if err := prepend(filepath.Join(tree, name, entry), "Object.assign(process.env, "+string(text)+");\n"); err != nil {
				return "", err
			}
		}
	}
	return tree, nil
}

// linkTree makes a second tree of the same files.
func linkTree(from, to string) error {
	err := filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		target := filepath.Join(to, strings.TrimPrefix(path, from))
		if entry.IsDir() {
			return os.MkdirAll(target, 0o700)
		}
		return os.Link(path, target)
	})
	if err != nil {
		return fmt.Errorf("link the release tree: %w", err)
	}
	return nil
}

// prepend replaces a file, if it is there, by one that has a line before.
func prepend(path, line string) error {
	text, err := os.ReadFile(filepath.Clean(path))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("change the release tree: %w", err)
	}
	if err := errors.Join(os.Remove(path), os.WriteFile(path, append([]byte(line), text...), 0o600)); err != nil {
		return fmt.Errorf("change the release tree: %w", err)
	}
	return nil
}

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
