package container_test

import (
	"context"
	crand "crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/org/shipkit/internal/awstest/image"
	"github.com/org/shipkit/internal/localaws/container"
	"github.com/org/shipkit/internal/localaws/registry"
)

const platform = "linux/" + runtime.GOARCH

// anonymous is a local registry without credentials.
type anonymous struct{ *registry.Registry }

func (anonymous) Credentials() (user, password string) { return "", "" }

// eachEngine runs a test on Docker and as processes.
func eachEngine(t *testing.T, test func(t *testing.T, e container.Engine, host string)) {
	for _, mode := range []string{"docker", "process"} {
		t.Run(mode, func(t *testing.T) {
			r, err := registry.Start(t.Context(), registry.Options{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = r.Close() })
			var e container.Engine
			if mode == "docker" {
				e, err = container.NewDocker(t.Context(), anonymous{r})
			} else {
				e, err = container.NewProcess(filepath.Join(t.TempDir(), "images"), anonymous{r})
			}
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := e.Close(); err != nil {
					t.Error(err)
				}
			})
			test(t, e, r.Host())
		})
	}
}

// lines collects output.
type lines struct {
	mu   sync.Mutex
	text []string
}

func (l *lines) add(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, line)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.text, "\n")
}

// run pushes an image, and starts it as the only container of a pod.
func run(t *testing.T, e container.Engine, ref string, w image.Web, spec container.Spec) (container.Pod, container.Container) {
	t.Helper()
	if _, err := image.Push(t.Context(), ref, w); err != nil {
		t.Fatal(err)
	}
	img, err := e.Pull(t.Context(), ref, platform)
	if err != nil {
		t.Fatal(err)
	}
	pod, err := e.Pod(t.Context(), container.PodSpec{Name: "shipkit-test-" + strings.ToLower(rand()), Ports: []int{8080}, Containers: 1})
	if err != nil {
		t.Fatal(err)
	}
	spec.Name, spec.Image = "web", img
	c, err := pod.Start(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	return pod, c
}

// get asks until something answers.
func get(t *testing.T, port int, path string) string {
	t.Helper()
	for range 400 {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d%s", port, path), http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			time.Sleep(25 * time.Millisecond)
			continue
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		return strings.TrimSpace(string(body))
	}
	t.Fatalf("nothing answers at port %d", port)
	return ""
}

func TestServeAndStop(t *testing.T) {
	eachEngine(t, func(t *testing.T, e container.Engine, host string) {
		var log lines
		pod, c := run(t, e, host+"/web:v1", image.Web{Version: "v1"}, container.Spec{Env: []string{"COLOUR=green"}, Log: log.add})
		port := pod.HostPort(8080)
		if got := get(t, port, "/version"); got != `{"version":"v1"}` {
			t.Errorf("version %s", got)
		}
		if got := get(t, port, "/env?name=COLOUR"); got != "green" {
			t.Errorf("COLOUR is %q", got)
		}
		if code, out, err := c.Exec(t.Context(), []string{"/web", "check"}); err != nil || code != 0 {
			t.Errorf("a good health check: %d %q %v", code, out, err)
		}
		if code, out, err := c.Exec(t.Context(), []string{"/web", "check", "/slow?for=x"}); err != nil || code != 0 {
			t.Errorf("a health check of another path: %d %q %v", code, out, err)
		}
		if err := c.Stop(t.Context(), 10*time.Second); err != nil {
			t.Fatal(err)
		}
		exit, err := c.Wait(t.Context())
		if err != nil || exit.Code != 0 {
			t.Errorf("exit %+v, %v", exit, err)
		}
		if !strings.Contains(log.String(), "web v1 starts, mode ok") || !strings.Contains(log.String(), "stopping") {
			t.Errorf("log:\n%s", log.String())
		}
	})
}

func TestEnds(t *testing.T) {
	eachEngine(t, func(t *testing.T, e container.Engine, host string) {
		for mode, want := range map[string]int{"exit:0": 0, "exit:7": 7, "stubborn": 137} {
			pod, c := run(t, e, host+"/web:"+strings.ReplaceAll(mode, ":", "-"), image.Web{Mode: mode}, container.Spec{})
			if mode == "stubborn" {
				get(t, pod.HostPort(8080), "/healthz") // by now it ignores SIGTERM
				if err := c.Stop(t.Context(), 200*time.Millisecond); err != nil {
					t.Fatal(err)
				}
			}
			exit, err := c.Wait(t.Context())
			if err != nil || exit.Code != want {
				t.Errorf("%s: exit %+v, %v", mode, exit, err)
			}
		}
	})
}

func TestOutOfMemory(t *testing.T) {
	eachEngine(t, func(t *testing.T, e container.Engine, host string) {
		if _, ok := e.(*container.Process); ok {
			return // a process has no memory limit, and would take the machine's
		}
		_, c := run(t, e, host+"/web:oom", image.Web{Mode: "oom"}, container.Spec{Memory: 32 << 20})
		exit, err := c.Wait(t.Context())
		if err != nil || exit.Code != 137 || !exit.OOM {
			t.Errorf("exit %+v, %v", exit, err)
		}
	})
}

func TestPullErrors(t *testing.T) {
	eachEngine(t, func(t *testing.T, e container.Engine, host string) {
		if _, err := image.Push(t.Context(), host+"/web:arm", image.Web{Platform: "linux/s390x", Arch: runtime.GOARCH}); err != nil {
			t.Fatal(err)
		}
		for ref, want := range map[string]string{
			host + "/web:none": "not found",
			host + "/web:arm":  "image Manifest does not contain descriptor matching platform '" + platform + "'",
			"111122223333.dkr.ecr.eu-west-1.amazonaws.com/api:v1": "not found",
			"Not A Reference": "invalid reference format",
		} {
			_, err := e.Pull(t.Context(), ref, platform)
			var pull *container.PullError
			if !errors.As(err, &pull) || !strings.Contains(pull.Reason, want) {
				t.Errorf("%s: %v, want %q", ref, err, want)
			}
		}
	})
}

func TestForeignBinary(t *testing.T) {
	other := map[string]string{"amd64": "arm64", "arm64": "amd64"}[runtime.GOARCH]
	eachEngine(t, func(t *testing.T, e container.Engine, host string) {
		ref := host + "/web:foreign"
		if _, err := image.Push(t.Context(), ref, image.Web{Platform: platform, Arch: other}); err != nil {
			t.Fatal(err)
		}
		img, err := e.Pull(t.Context(), ref, platform)
		if err != nil {
			t.Fatal(err)
		}
		pod, err := e.Pod(t.Context(), container.PodSpec{Name: "shipkit-test-" + strings.ToLower(rand()), Containers: 1})
		if err != nil {
			t.Fatal(err)
		}
		var log lines
		c, err := pod.Start(t.Context(), container.Spec{Name: "web", Image: img, Log: log.add})
		if err == nil { // Docker 20.10 starts it and the container says so
			var exit container.Exit
			exit, err = c.Wait(t.Context())
			if err == nil && exit.Code != 0 {
				err = errors.New(log.String())
			}
		}
		if err == nil || !strings.Contains(err.Error(), "exec format error") {
			t.Errorf("got %v", err)
		}
	})
}

// TestSidecar has two containers of a pod meet at localhost.
func TestSidecar(t *testing.T) {
	eachEngine(t, func(t *testing.T, e container.Engine, host string) {
		if _, ok := e.(*container.Process); ok {
			return // processes share the machine's localhost anyway
		}
		if _, err := image.Push(t.Context(), host+"/web:v1", image.Web{Version: "v1"}); err != nil {
			t.Fatal(err)
		}
		img, err := e.Pull(t.Context(), host+"/web:v1", platform)
		if err != nil {
			t.Fatal(err)
		}
		pod, err := e.Pod(t.Context(), container.PodSpec{Name: "shipkit-test-" + strings.ToLower(rand()), Ports: []int{8080}, Containers: 2})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := pod.Start(t.Context(), container.Spec{Name: "web", Image: img}); err != nil {
			t.Fatal(err)
		}
		side, err := pod.Start(t.Context(), container.Spec{Name: "side", Image: img, Env: []string{"MODE=mute"}})
		if err != nil {
			t.Fatal(err)
		}
		get(t, pod.HostPort(8080), "/healthz")
		if code, out, err := side.Exec(t.Context(), []string{"/web", "check"}); err != nil || code != 0 {
			t.Errorf("the sidecar's localhost: %d %q %v", code, out, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		if err := pod.Remove(ctx); err != nil {
			t.Error(err)
		}
	})
}

func rand() string { return crand.Text()[:8] }
