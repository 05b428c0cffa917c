package image

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/org/shipkit/internal/registrytest"
)

// capNetBind is security.capability of `setcap cap_net_bind_service=ep`.
const capNetBind = "\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"

// Two versions of an application, of which the second changes all that a
// layer can express.
func versionOne(inspect string) []item {
	return []item{
		file("inspect", inspect).with(mode(0o755)),
		dir("app"), dir("app/node_modules"), dir("app/node_modules/gone"),
		file("app/node_modules/gone/index.js", "gone"), file("app/node_modules/gone/lib/deep.js", "gone"),
		file("app/node_modules/kept.js", "kept"), file("app/server.js", "v1"),
		file("app/link-a", "linked"), hardlink("app/link-b", "app/link-a"), hardlink("app/link-c", "app/link-a"),
		file("app/pair-a", "pair"), hardlink("app/pair-b", "app/pair-a"),
		dir("app/dir-to-file"), file("app/dir-to-file/x", "1"), file("app/file-to-dir", "1"),
		symlink("app/symlink-to-dir", "node_modules"), symlink("app/current", "releases/1"),
		file("app/tool", "tool").with(mode(0o755)),
		file("app/data", "data"), dir("app/private").with(mode(0o700)).with(owner(1000)),
		file("app/private/key", "1").with(mode(0o600)).with(owner(1000)),
		file("app/m.py", "code").at(1), file("app/__pycache__/m.cpython-312.pyc", pycFile(1, "code")),
		dir("etc").with(mode(0o751)), file("etc/app.conf", "v1"),
	}
}

func versionTwo(inspect string) []item {
	return []item{
		file("inspect", inspect).with(mode(0o755)),
		dir("app"), dir("app/node_modules"), dir("app/node_modules/fresh"), file("app/node_modules/fresh/index.js", "fresh"),
		file("app/node_modules/kept.js", "kept").at(99), file("app/server.js", "v2"),
		file("app/link-a", "relinked"), hardlink("app/link-b", "app/link-a"), file("app/link-c", "linked"),
		file("app/pair-a", "pair"), hardlink("app/pair-b", "app/pair-a"), hardlink("app/pair-new", "app/pair-a"),
		file("app/dir-to-file", "2"), dir("app/file-to-dir"), file("app/file-to-dir/y", "2"),
		dir("app/symlink-to-dir"), file("app/symlink-to-dir/z", "2"), symlink("app/current", "releases/2"),
		file("app/tool", "tool").with(mode(0o755)).with(xattr(capNetBind)),
		file("app/data", "data").with(owner(1234)).with(mode(0o4755)),
		dir("app/private").with(mode(0o700)).with(owner(1000)),
		file("app/private/key", "2").with(mode(0o600)).with(owner(1000)),
		{Header: tar.Header{Typeflag: tar.TypeChar, Name: "app/null", Mode: 0o666, Devmajor: 1, Devminor: 3}},
		{Header: tar.Header{Typeflag: tar.TypeFifo, Name: "app/queue", Mode: 0o644}},
		file("app/Überraschung", "é"), file("app/"+strings.Repeat("long/", 40)+"name", "long"),
		file("app/m.py", "code").at(2), file("app/__pycache__/m.cpython-312.pyc", pycFile(1, "code")),
		dir("etc").with(mode(0o751)), file("etc/app.conf", "v1"),
	}
}

// What was pushed as a delta is, pulled by Docker and by skopeo and run, the
// image that was built.
func TestDockerAndSkopeoGetTheBuiltImage(t *testing.T) {
	need(t, "docker", "install docker.io and start dockerd")
	need(t, "skopeo", "install skopeo")
	inspect := buildInspect(t)
	prev := buildImage(t, "v1", versionOne(inspect), "ENV VERSION=1")
	built := buildImage(t, "v2", versionTwo(inspect), "ENV VERSION=2\nUSER 0:0")
	want := run(t, "docker", "run", "--rm", "--network=none", imageName("v2"))

	registry := registrytest.Start(t)
	repo := registry.Repository(t, "shop")
	push(t, repo.Tag("v1"), prev)
	remotePrev, err := remote.Image(repo.Tag("v1"))
	if err != nil {
		t.Fatal(err)
	}
	for _, algorithm := range []Algorithm{Gzip, Zstd} {
		tag := repo.Tag("v2-" + string(algorithm))
		push(t, tag, mergedPair(t, remotePrev, built, Compression{Algorithm: algorithm}))

		tagged := imageName("skopeo-" + string(algorithm))
		copied := copyImage(t, tag.String(), tagged)
		run(t, "docker", "load", "--quiet", "--input", copied)
		forget(t, tagged)
		if got := run(t, "docker", "run", "--rm", "--network=none", tagged); got != want {
			t.Errorf("%s, copied by skopeo:\n%s", algorithm, differingLines(got, want))
		}
	}

	pulled := repo.Tag("v2-gzip").String() // Docker 20.10 reads no zstd
	run(t, "docker", "pull", "--quiet", pulled)
	forget(t, pulled)
	if got := run(t, "docker", "run", "--rm", "--network=none", pulled); got != want {
		t.Errorf("pulled by Docker:\n%s", differingLines(got, want))
	}
	history := run(t, "docker", "history", "--no-trunc", "--format={{.CreatedBy}} {{.Size}}", pulled)
	if !strings.Contains(history, "1 file changed ") || strings.Count(history, "\n") < 3 {
		t.Errorf("docker history:\n%s", history)
	}
	environment := run(t, "docker", "inspect", "--format={{.Config.Env}} {{.Config.User}}", pulled)
	if !strings.Contains(environment, "VERSION=2") || !strings.Contains(environment, "0:0") {
		t.Errorf("configuration %s", environment)
	}
}

// copyImage copies an image with skopeo and returns it as an archive for
// Docker, by way of plain layers because that archive knows no zstd.
func copyImage(t *testing.T, from, as string) string {
	t.Helper()
	plain, out := filepath.Join(t.TempDir(), "plain"), filepath.Join(t.TempDir(), "copied.tar")
	run(t, "skopeo", "copy", "--quiet", "--src-tls-verify=false", "--dest-decompress", "docker://"+from, "dir:"+plain)
	run(t, "skopeo", "copy", "--quiet", "dir:"+plain, "docker-archive:"+out+":"+as)
	return out
}

func imageName(version string) string {
	return fmt.Sprintf("shipkit-image-test-%d:%s", os.Getpid(), version)
}

func need(t *testing.T, program, hint string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Fatalf("this test needs %s: %s", program, hint)
	}
}

// run runs a program and returns its output.
func run(t *testing.T, program string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append(os.Environ(), "DOCKER_BUILDKIT=0")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", program, strings.Join(args, " "), err, stderr.String())
	}
	return string(out)
}

// forget removes an image from the engine when the test ends.
func forget(t *testing.T, image string) {
	t.Helper()
	t.Cleanup(func() {
		out, err := exec.CommandContext(context.Background(), "docker", "rmi", "--force", image).CombinedOutput()
		if err != nil {
			t.Errorf("remove image: %v\n%s", err, out)
		}
	})
}

func buildInspect(t *testing.T) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "inspect")
	t.Setenv("CGO_ENABLED", "0")
	run(t, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", out, "./testdata/inspect")
	content, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// buildImage builds an image of the items with Docker and returns it as
// `docker save` gives it.
func buildImage(t *testing.T, version string, items []item, settings string) v1.Image {
	t.Helper()
	dir := t.TempDir()
	write := func(name string, content []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("root.tar", archive(t, items...))
	write("Dockerfile", []byte("FROM scratch\nADD root.tar /\n"+settings+"\nENTRYPOINT [\"/inspect\"]\n"))
	run(t, "docker", "build", "--quiet", "--no-cache", "--tag", imageName(version), dir)
	forget(t, imageName(version))
	saved := filepath.Join(dir, "saved.tar")
	run(t, "docker", "save", "--output", saved, imageName(version))
	img, err := tarball.ImageFromPath(saved, nil)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func push(t *testing.T, tag name.Tag, img v1.Image) {
	t.Helper()
	if err := remote.Write(tag, img); err != nil {
		t.Fatalf("push %s: %v", tag, err)
	}
}

// differingLines returns the lines that only one text has.
func differingLines(got, want string) string {
	in := func(text string) map[string]bool {
		lines := map[string]bool{}
		for line := range strings.Lines(text) {
			lines[line] = true
		}
		return lines
	}
	gotLines, wantLines := in(got), in(want)
	var out strings.Builder
	for line := range strings.Lines(got) {
		if !wantLines[line] {
			out.WriteString("+ " + line)
		}
	}
	for line := range strings.Lines(want) {
		if !gotLines[line] {
			out.WriteString("- " + line)
		}
	}
	return out.String()
}
