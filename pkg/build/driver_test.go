package build

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/org/shipkit/pkg/diag"
)

// tool returns the path of a program that these tests need.
func tool(t *testing.T, name string) string {
	t.Helper()
	_, here, _, _ := runtime.Caller(0)
	file := filepath.Join(filepath.Dir(here), "..", "..", ".bin", name)
	if _, err := os.Stat(file); err == nil {
		return file
	}
	file, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("this test needs %s: run `make tools`", name)
	}
	return file
}

// docker returns a client that knows BuildKit; a newer one without it may
// stand first on the PATH.
func docker(t *testing.T) string {
	t.Helper()
	for _, file := range []string{"/usr/bin/docker", "docker"} {
		if out, err := exec.CommandContext(t.Context(), file, "version", "--format", "{{.Server.Version}}").CombinedOutput(); err == nil {
			return file
		} else if strings.Contains(string(out), "Cannot connect") {
			t.Fatal("this test needs a Docker engine: start dockerd")
		}
	}
	t.Fatal("this test needs Docker: run `make machine`")
	return ""
}

// app writes a build context and returns its path.
func app(t *testing.T, dockerfile string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"Dockerfile": dockerfile, "hello": "hello\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// forget closes a built image, and removes it from the engine that built it.
func forget(t *testing.T, b Builder, built *Built) {
	t.Helper()
	id, err := built.Images[0].ConfigName()
	if err := errors.Join(err, built.Close()); err != nil {
		t.Error(err)
	}
	if b.Driver == Docker {
		_ = exec.Command(b.Engine.Docker, "rmi", "--force", id.String()).Run()
	}
}

const goodDockerfile = "FROM scratch\nARG BUILD_VERSION\nCOPY hello /hello\nLABEL version=$BUILD_VERSION\n"

func testBuild(t *testing.T, b Builder, r Request) {
	t.Helper()
	r.Args = []KeyValue{{"BUILD_VERSION", "7"}}
	r.Labels = []KeyValue{{"team", "shop"}}
	t.Run("good", func(t *testing.T) {
		r.Context = app(t, goodDockerfile)
		built, err := b.Build(t.Context(), r, t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		defer forget(t, b, built)
		config, err := built.Images[0].ConfigFile()
		if err != nil {
			t.Fatal(err)
		}
		if config.Config.Labels["version"] != "7" || config.Config.Labels["team"] != "shop" {
			t.Errorf("labels %v", config.Config.Labels)
		}
		layers, err := built.Images[0].Layers()
		if err != nil || len(layers) != 1 {
			t.Fatalf("%d layers, %v", len(layers), err)
		}
		digest, _ := layers[0].Digest()
		if diffID, _ := layers[0].DiffID(); digest != diffID {
			t.Errorf("the layer was compressed")
		}
	})
	t.Run("failing step", func(t *testing.T) {
		r.Context = app(t, "FROM scratch\nCOPY hello /\n\nRUN [\"/no\"]\n")
		_, err := b.Build(t.Context(), r, t.TempDir())
		found := diag.From(err)
		if len(found) != 1 || found[0].Line != 4 || !strings.HasSuffix(found[0].File, "Dockerfile") {
			t.Errorf("finding %v, want Dockerfile:4", err)
		}
	})
	t.Run("cancelled", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := b.Build(ctx, r, t.TempDir()); err == nil || ctx.Err() == nil {
			t.Errorf("error %v, want cancelled", err)
		}
	})
}

func TestDockerBuild(t *testing.T) {
	b := Builder{Engine: Engine{Docker: docker(t)}, Driver: Docker}
	testBuild(t, b, Request{NoCache: true})
	t.Run("what it cannot do", func(t *testing.T) {
		_, err := b.Build(t.Context(), Request{Context: ".", CacheTo: []string{"type=inline"}, SBOM: "true"}, t.TempDir())
		if err == nil || !strings.Contains(err.Error(), "cache-to, sbom") {
			t.Errorf("error %v, want both inputs", err)
		}
	})
	t.Run("load", func(t *testing.T) {
		const tag = "shipkit-build-test:load"
		t.Cleanup(func() { _ = exec.Command(b.Engine.Docker, "rmi", "--force", tag).Run() })
		built, err := b.Build(t.Context(), Request{Context: app(t, goodDockerfile), Load: true, Tags: []string{tag}}, t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		defer built.Close()
		again, err := b.Engine.Open(t.Context(), Source{"docker", tag}, t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		defer again.Close()
		sameImage(t, again.Images[0].Image, built.Images[0].Image)
	})
}

func TestBuildxBuild(t *testing.T) {
	b := remoteBuilder(t, "")
	r := Request{Builder: "test", RegistryCache: "type=registry,ref=127.0.0.1:1/absent:v1"}
	testBuild(t, b, r)
	t.Run("two platforms with secrets and another output", func(t *testing.T) {
		files := t.TempDir()
		r.Context = app(t, "FROM scratch\nCOPY hello /\n")
		r.Platforms = []string{"linux/amd64", "linux/arm64"}
		r.Secrets, r.Outputs = []KeyValue{{"token", "x=y"}}, []string{"type=local,dest=" + files}
		built, err := b.Build(t.Context(), r, t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		defer built.Close()
		if len(built.Images) != 2 || built.Index == nil || len(built.Metadata) == 0 {
			t.Errorf("%d images, metadata %q", len(built.Images), built.Metadata)
		}
		if _, err := os.Stat(filepath.Join(files, "linux_arm64", "hello")); err != nil {
			t.Error(err)
		}
	})
	t.Run("attestations", func(t *testing.T) {
		r := Request{Builder: "test", Context: app(t, "FROM scratch\nCOPY hello /\n"), Provenance: "mode=min"}
		built, err := b.Build(t.Context(), r, t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		defer built.Close()
		if len(built.Attestations) != 1 {
			t.Errorf("%d attestations, want 1", len(built.Attestations))
		}
		layers, _ := built.Images[0].Layers()
		if mediaType, _ := layers[0].MediaType(); !strings.HasSuffix(string(mediaType), "gzip") {
			t.Errorf("layer of type %s: compressing it would break the attestation", mediaType)
		}
	})
}

// remoteBuilder returns a builder named test with a BuildKit of its own, of
// the given configuration.
func remoteBuilder(t *testing.T, config string) Builder {
	t.Helper()
	engine := Engine{Docker: docker(t), Env: []string{"DOCKER_CONFIG=" + withBuildx(t)}}
	address := buildkitd(t, config)
	out, err := engine.command(t.Context(), "buildx", "create", "--name", "test", "--driver", "remote", address).CombinedOutput()
	if err != nil {
		t.Fatalf("create a builder: %s: %v", out, err)
	}
	return Builder{Engine: engine, Driver: Auto}
}

// withBuildx returns a Docker configuration that knows buildx.
func withBuildx(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	plugins := filepath.Join(dir, "cli-plugins")
	if err := os.Mkdir(plugins, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(tool(t, "buildx"), filepath.Join(plugins, "docker-buildx")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// buildkitd starts BuildKit until the test ends and returns its address.
func buildkitd(t *testing.T, config string) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Fatal("this test needs to run as root, for BuildKit")
	}
	dir := t.TempDir()
	socket, file := filepath.Join(dir, "buildkitd.sock"), filepath.Join(dir, "buildkitd.toml")
	write(t, file, config)
	cmd := exec.CommandContext(t.Context(), tool(t, "buildkitd"), "--oci-worker=true", "--containerd-worker=false",
		"--config", file, "--addr", "unix://"+socket, "--root", t.TempDir())
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatalf("start buildkitd: %v", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
	answers(t, socket)
	return "unix://" + socket
}

// answers waits until somebody listens on a socket.
func answers(t *testing.T, socket string) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "unix", socket)
		if err == nil {
			_ = conn.Close()
			return
		}
	}
	t.Fatalf("nobody answers at %s within 30s", socket)
}
