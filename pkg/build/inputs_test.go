//go:build linux

package build

import (
	"archive/tar"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/crane"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/org/shipkit/internal/registrytest"
)

const probing = `FROM scratch AS base
COPY probe /probe
FROM base AS probed
ARG FLAVOUR
RUN --mount=type=secret,id=value --mount=type=secret,id=env --mount=type=secret,id=file --mount=type=ssh ["/probe"]
FROM probed AS last
COPY probe /again
`

// probed is a build context whose build writes down what it got.
func probed(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags=-s -w", "-o", filepath.Join(dir, "probe"), "./testdata/probe")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build the probe: %v: %s", err, out)
	}
	write(t, filepath.Join(dir, "Dockerfile"), probing)
	write(t, filepath.Join(dir, "other.Dockerfile"), strings.Replace(probing, "AS probed", "AS renamed", 1))
	return dir
}

// contents returns the small files of an image.
func contents(t *testing.T, img v1.Image) map[string]string {
	t.Helper()
	found := map[string]string{}
	archive := mutate.Extract(img)
	defer archive.Close()
	for reader := tar.NewReader(archive); ; {
		header, err := reader.Next()
		if err == io.EOF { //nolint:errorlint // archive/tar returns it bare
			return found
		}
		if err != nil {
			t.Fatal(err)
		}
		if header.Size > 10_000 {
			continue
		}
		content, err := io.ReadAll(reader)
		if err != nil {
			t.Fatal(err)
		}
		found[header.Name] = string(content)
	}
}

// report builds r and returns the lines that the probe wrote.
func report(t *testing.T, b Builder, r Request) []string {
	t.Helper()
	built, err := b.Build(t.Context(), r, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer forget(t, b, built)
	return strings.Split(contents(t, built.Images[0].Image)["report"], "\n")
}

func nonce(lines []string) string {
	i := slices.IndexFunc(lines, func(line string) bool { return strings.HasPrefix(line, "nonce ") })
	if i < 0 {
		return "none"
	}
	return lines[i]
}

// agent runs an SSH agent with one key and returns its socket, and the key's file.
func agent(t *testing.T) (socket, key string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "ssh") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket, key = filepath.Join(dir, "agent"), filepath.Join(dir, "key")
	cmd := exec.CommandContext(t.Context(), "ssh-agent", "-D", "-a", socket)
	if err := cmd.Start(); err != nil {
		t.Fatalf("this test needs ssh-agent: run `make machine`: %v", err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	keygen := exec.CommandContext(t.Context(), "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "deploy key", "-f", key)
	if out, err := keygen.CombinedOutput(); err != nil {
		t.Fatalf("make a key: %v: %s", err, out)
	}
	answers(t, socket)
	add := exec.CommandContext(t.Context(), "ssh-add", "-q", key)
	add.Env = append(os.Environ(), "SSH_AUTH_SOCK="+socket)
	if out, err := add.CombinedOutput(); err != nil {
		t.Fatalf("give the agent a key: %v: %s", err, out)
	}
	return socket, key
}

// testInputs sets each input that both drivers know, and looks at what the
// build got.
func testInputs(t *testing.T, b Builder, r Request) {
	t.Helper()
	socket, key := agent(t)
	b.Engine.Env = append(b.Engine.Env, "SSH_AUTH_SOCK="+socket, "FROM_ENV=of the environment")
	secret := filepath.Join(t.TempDir(), "secret")
	write(t, secret, "of a file")
	r.Context = probed(t)
	for _, test := range []struct {
		name string
		set  func(*Request)
		want string
	}{
		{"build-args", func(r *Request) { r.Args = []KeyValue{{"FLAVOUR", "sour"}} }, "flavour sour"},
		{"secrets", func(r *Request) { r.Secrets = []KeyValue{{"value", "two\nlines"}} }, `secret value "two\nlines"`},
		{"secret-envs", func(r *Request) { r.SecretEnvs = []KeyValue{{"env", "FROM_ENV"}} }, `secret env "of the environment"`},
		{"secret-files", func(r *Request) { r.SecretFiles = []KeyValue{{"file", secret}} }, `secret file "of a file"`},
		{"ssh, an agent", func(r *Request) { r.SSH = []string{"default"} }, "key deploy key"},
		{"ssh, a key", func(r *Request) { r.SSH = []string{"default=" + key} }, "key "},
		{"network", func(r *Request) { r.Network = "none" }, "interface lo"},
		{"shm-size", func(r *Request) { r.ShmSize = "96m" }, "shm 100663296"},
		{"ulimit", func(r *Request) { r.Ulimits = []string{"nofile=1234:1234"} }, "nofile 1234"},
		{"file", func(r *Request) { r.File = filepath.Join(r.Context, "other.Dockerfile"); r.Target = "renamed" }, "flavour "},
	} {
		t.Run(test.name, func(t *testing.T) {
			with := r
			test.set(&with)
			if b.Driver == Docker && len(with.ignored()) > 0 && b.Engine.before23(t.Context()) {
				if _, err := b.Build(t.Context(), with, t.TempDir()); err == nil || !strings.Contains(err.Error(), "knows no "+test.name) {
					t.Errorf("error %v: this engine ignores the input", err)
				}
				return
			}
			with.NoCache = true // what is mounted is no part of the cache's key
			got := report(t, b, with)
			if !slices.ContainsFunc(got, func(line string) bool { return strings.HasPrefix(line, test.want) }) {
				t.Errorf("the step got %q, want %q", got, test.want)
			}
			interfaces := slices.DeleteFunc(got, func(line string) bool { return !strings.HasPrefix(line, "interface ") })
			if test.name == "network" && len(interfaces) != 1 {
				t.Errorf("interfaces %q, want lo", interfaces)
			}
		})
	}
	t.Run("target", func(t *testing.T) {
		built, err := b.Build(t.Context(), Request{Context: r.Context, Builder: r.Builder, Target: "base"}, t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		defer forget(t, b, built)
		if got := contents(t, built.Images[0].Image); len(got) != 0 {
			t.Errorf("files %v, want none but the probe", slices.Collect(maps.Keys(got)))
		}
	})
	t.Run("no-cache", func(t *testing.T) {
		first := report(t, b, r)
		if again := report(t, b, r); nonce(again) != nonce(first) {
			t.Errorf("%s, then %s: the step ran twice", nonce(first), nonce(again))
		}
		r.NoCache = true
		if again := report(t, b, r); nonce(again) == nonce(first) {
			t.Error("the step did not run again")
		}
	})
}

// base pushes an image that holds one file, to build on.
func base(t *testing.T, server *registrytest.Server, text string) string {
	t.Helper()
	img, err := crane.Image(map[string][]byte{"base": []byte(text)})
	if err != nil {
		t.Fatal(err)
	}
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", runtime.GOARCH
	if img, err = mutate.ConfigFile(img, config); err != nil {
		t.Fatal(err)
	}
	return pushed(t, server, "base", img)
}

// pushed pushes an image to a repository of the server.
func pushed(t *testing.T, server *registrytest.Server, repo string, img v1.Image) string {
	t.Helper()
	tag := server.Repository(t, "team/"+repo).Tag("latest")
	if err := registrytest.Push(t.Context(), tag, img); err != nil {
		t.Fatal(err)
	}
	return tag.String()
}

// onBase builds on the base and returns what the base's file says.
func onBase(t *testing.T, b Builder, r Request, base string) string {
	t.Helper()
	r.Context = app(t, "FROM "+base+"\nCOPY hello /\n")
	built, err := b.Build(t.Context(), r, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer forget(t, b, built)
	return contents(t, built.Images[0].Image)["base"]
}

func TestInputsOfDocker(t *testing.T) {
	b := Builder{Engine: Engine{Docker: docker(t)}, Driver: Docker}
	testInputs(t, b, Request{})
	t.Run("pull", func(t *testing.T) {
		server := registrytest.Start(t)
		name := base(t, server, "old")
		t.Cleanup(func() { _ = exec.Command(b.Engine.Docker, "rmi", "--force", name).Run() })
		if out, err := exec.CommandContext(t.Context(), b.Engine.Docker, "pull", "--quiet", name).CombinedOutput(); err != nil {
			t.Fatalf("pull the base: %v: %s", err, out)
		}
		base(t, server, "new")
		for pull, want := range map[bool]string{false: "old", true: "new"} {
			if got := onBase(t, b, Request{Pull: pull}, name); got != want {
				t.Errorf("pull %v: built on the %s base, want the %s one", pull, got, want)
			}
		}
	})
}
