package release_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/org/shipkit/internal/release"
	"github.com/org/shipkit/pkg/action"
)

const root = "../.."

func build(t testing.TB, from, out string) {
	t.Helper()
	err := release.Build(t.Context(), release.Options{
		Root: from, Out: out, Version: "v1.2.3", Commit: "abc",
		Bundled: []release.Platform{{OS: runtime.GOOS, Arch: runtime.GOARCH}},
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestTheTreeIsTheSameFromAnotherFolder(t *testing.T) {
	sources := filepath.Join(t.TempDir(), "elsewhere", "with another name")
	copySources(t, sources)
	first, second := filepath.Join(t.TempDir(), "first"), filepath.Join(t.TempDir(), "second")
	build(t, sources, first)
	if err := os.Rename(sources, sources+"2"); err != nil {
		t.Fatal(err)
	}
	build(t, sources+"2", second)
	one, two := contents(t, first), contents(t, second)
	if len(one) != len(two) || len(one) < 10 {
		t.Errorf("%d and %d files", len(one), len(two))
	}
	for path, text := range one {
		if two[path] != text {
			t.Errorf("%s differs", path)
		}
	}
}

// copySources copies what git would, so that others may work on in the folder.
func copySources(t *testing.T, to string) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			switch entry.Name() {
			case ".git", ".bin", ".venv", ".cache", "dist", "bin", "testdata":
				return filepath.SkipDir
			}
			return nil
		}
		if !entry.Type().IsRegular() {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, name)
		if err := os.MkdirAll(filepath.Dir(target), 0o700); err != nil {
			return err
		}
		return os.WriteFile(target, text, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// contents returns the mode and the bytes of every file, by path.
func contents(t *testing.T, tree string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(tree, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		text, err := os.ReadFile(path)
		files[strings.TrimPrefix(path, tree+"/")] = info.Mode().String() + "\n" + string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestTheTreeHasWhatAUserNames(t *testing.T) {
	tree := filepath.Join(t.TempDir(), "tree")
	build(t, root, tree)
	names, err := release.ActionNames(root)
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	files := contents(t, tree)
	want := []string{"action.yml", "index.js", "lib/run.js", "VERSION", "SHA256SUMS", "bin/SHA256SUMS", "LICENSE"}
	for _, name := range names {
		want = append(want, name+"/action.yml", name+"/index.js", name+"/README.md")
	}
	for _, name := range want {
		if _, ok := files[name]; !ok {
			t.Errorf("no %s", name)
		}
		if name != "SHA256SUMS" && !strings.Contains(files["SHA256SUMS"], "  "+name+"\n") {
			t.Errorf("SHA256SUMS lacks %s", name)
		}
	}
	for _, name := range names {
		checkReleased(t, name, files)
	}
	binary := files["bin/shipkit-"+runtime.GOOS+"-"+runtime.GOARCH]
	if !strings.HasPrefix(binary, "-rwxr-xr-x") {
		t.Error("the binary cannot be run")
	}
	const budget = 30_000_000 // bytes: the tag brings two of them over a slow link
	if len(binary) > budget {
		t.Errorf("the binary has %d bytes, its budget is %d", len(binary), budget)
	}
	t.Logf("the binary has %.1f MB", float64(len(binary))/1e6)
}

// checkReleased: the released action.yml leaves literal defaults to the binary,
// and the post phase has its entry.
func checkReleased(t *testing.T, name string, files map[string]string) {
	t.Helper()
	_, text, _ := strings.Cut(files[name+"/action.yml"], "\n")
	meta, err := action.ParseMetadata([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile(filepath.Join(root, "actions", name, "action.yml"))
	if err != nil {
		t.Fatal(err)
	}
	original, err := action.ParseMetadata(source)
	if err != nil {
		t.Fatal(err)
	}
	if len(meta.Inputs) != len(original.Inputs) {
		t.Errorf("%s: %d inputs, the source has %d", name, len(meta.Inputs), len(original.Inputs))
	}
	for i, input := range original.Inputs {
		released := meta.Inputs[i]
		switch {
		case input.Expression() && released.Default != input.Default:
			t.Errorf("%s: input %s lost its default", name, input.Name)
		case !input.Expression() && released.Default != "":
			t.Errorf("%s: input %s keeps its default %q", name, input.Name, released.Default)
		case !input.Expression() && input.Default != "" && !strings.Contains(released.Description, "Default: "):
			t.Errorf("%s: input %s does not tell its default", name, input.Name)
		}
	}
	if _, ok := files[name+"/post.js"]; ok != (meta.Post != "") {
		t.Errorf("%s: post.js %v, runs.post %q", name, ok, meta.Post)
	}
}
