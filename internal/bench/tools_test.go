package bench

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// tool pushes an image archive of docker save to a registry.
type tool struct {
	name string
	push func(archive, to string) (env, args []string)
}

// root is the folder of the checkout.
func root() string {
	_, here, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(here), "..", "..")
}

// find returns the path of a program, from .bin or the machine.
func find(b *testing.B, name string) string {
	b.Helper()
	file := filepath.Join(root(), ".bin", name)
	if _, err := os.Stat(file); err == nil {
		return file
	}
	file, err := exec.LookPath(name)
	if err != nil {
		b.Fatalf("this benchmark needs %s: run `make machine tools`", name)
	}
	return file
}

// tools are what is compared. Each keeps between two pushes what it keeps by
// itself.
func tools(b *testing.B, docker *engine) []tool {
	b.Helper()
	shipkit := filepath.Join(b.TempDir(), "shipkit")
	run(b, "go", "build", "-C", root(), "-o", shipkit, "./cmd/shipkit")
	skopeo, crane, regctl := find(b, "skopeo"), find(b, "crane"), find(b, "regctl")
	ours := func(compression string) func(archive, to string) ([]string, []string) {
		home := b.TempDir()
		return func(archive, to string) ([]string, []string) {
			return []string{"HOME=" + home}, []string{shipkit, "build-image", "--source", "docker-archive:" + archive, "--tags", to,
				"--push", "true", "--registry-profile", "distribution", "--compression", compression}
		}
	}
	return []tool{
		{"shipkit", ours("auto")},
		{"shipkit zstd", ours("zstd")},
		{"docker", func(archive, to string) ([]string, []string) {
			docker.load(archive, to)
			return nil, []string{"docker", "--host", docker.host, "push", "--quiet", to}
		}},
		{"crane", func(archive, to string) ([]string, []string) {
			return nil, []string{crane, "push", "--insecure", archive, to}
		}},
		{"skopeo zstd", func(archive, to string) ([]string, []string) {
			return nil, []string{skopeo, "copy", "--dest-tls-verify=false", "--dest-compress-format", "zstd", "--format", "oci",
				"docker-archive:" + archive, "docker://" + to}
		}},
		{"regctl", func(archive, to string) ([]string, []string) {
			return nil, []string{regctl, "--host", "reg=" + strings.Split(to, "/")[0] + ",tls=disabled", "image", "import", to, archive}
		}},
	}
}

// engine is a Docker engine in the client's namespace: the machine's own
// cannot push over the line.
type engine struct {
	b    *testing.B
	host string
	ids  map[string]bool
}

func newEngine(b *testing.B, l *line) *engine {
	b.Helper()
	dir, err := os.MkdirTemp("", "sk-bench-docker-")
	if err != nil {
		b.Fatal(err)
	}
	e := &engine{b: b, host: "unix://" + filepath.Join(dir, "docker.sock"), ids: map[string]bool{}}
	// Not `ip netns exec`: it hides the control groups.
	cmd := exec.Command("nsenter", "--net=/run/netns/"+l.client, find(b, "dockerd"),
		"--host", e.host, "--data-root", filepath.Join(dir, "data"), "--exec-root", filepath.Join(dir, "exec"),
		"--pidfile", filepath.Join(dir, "pid"), "--bridge", "none", "--iptables=false", "--insecure-registry", registryIP+"/32",
		"--config-file", filepath.Join(dir, "daemon.json"), "--log-level", "error")
	if err := os.WriteFile(filepath.Join(dir, "daemon.json"), []byte("{}"), 0o600); err != nil {
		b.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		_ = os.RemoveAll(dir)
	})
	for range 300 {
		if exec.Command("docker", "--host", e.host, "version").Run() == nil {
			return e
		}
		time.Sleep(100 * time.Millisecond)
	}
	b.Fatal("dockerd did not answer within 30s")
	return nil
}

// load puts an archive's image into the engine under the name to push. It is
// no part of the push and not timed.
func (e *engine) load(archive, to string) {
	e.b.Helper()
	out := run(e.b, "docker", "--host", e.host, "load", "--quiet", "--input", archive)
	var loaded string
	if _, err := fmt.Sscanf(out, "Loaded image: %s", &loaded); err != nil {
		if _, err := fmt.Sscanf(out, "Loaded image ID: %s", &loaded); err != nil {
			e.b.Fatalf("docker load said %q", out)
		}
	}
	run(e.b, "docker", "--host", e.host, "tag", loaded, to)
}
