package main

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
)

// screen is a terminal that another goroutine reads.
type screen struct {
	mu  sync.Mutex
	out bytes.Buffer
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.Write(p) //nolint:wrapcheck // a buffer never fails
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.String()
}

var seeded = regexp.MustCompile(`service +(http://\S+)\n +repository +(\S+)/web\n +database +(\S+)\n`)

// TestTheDemo is what a newcomer sees, with real containers and a real database: it needs a Docker engine, PostgreSQL
// and the Go toolchain. Afterwards nothing of it is left.
func TestTheDemo(t *testing.T) {
	t.Setenv("GOCACHE", goCache(t)) // the sample app is compiled; it goes by the next line otherwise
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	var out, errs screen
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, []string{"up", "-engine=docker", "-addr", freeAddr(t), "-speed", "120"}, &out, &errs)
	}()
	var places []string
	await(t, func() bool {
		places = seeded.FindStringSubmatch(out.String())
		return places != nil || errs.String() != ""
	})
	if places == nil {
		t.Fatalf("%s; this test needs: apt-get install docker.io postgresql", errs.String())
	}
	service, registry, database := places[1], places[2], places[3]
	if got := fetch(t, service+"/version"); !strings.Contains(got, `"v1"`) {
		t.Errorf("the service answers %q", got)
	}
	if got := rows(t, database); got != 3 {
		t.Errorf("the database has %d rows, want 3", got)
	}
	_, table, _ := call(t.Context(), "status")
	for _, want := range []string{"xy-0146-dev-web:1", "2 of 2", "COMPLETED", "RUNNING", "available", "/xy-0146-dev/db/active"} {
		if !strings.Contains(table, want) {
			t.Errorf("status lacks %q:\n%s", want, table)
		}
	}
	interrupt()
	if code := <-ended; code != exitOK {
		t.Errorf("up ended with code %d: %s", code, errs.String())
	}
	nothingLeft(t, registry, strings.TrimPrefix(service, "http://"), database)
}

func goCache(t *testing.T) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "env", "GOCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

func fetch(t *testing.T, url string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, _ := io.ReadAll(resp.Body)
	return string(body)
}

func rows(t *testing.T, database string) (n int) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), "postgres://shipkit:not-a-secret@"+database+"/shipkit")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM greetings").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// nothingLeft looks for containers of the demo's registry and for open ports.
func nothingLeft(t *testing.T, registry string, addresses ...string) {
	t.Helper()
	containers, err := exec.CommandContext(t.Context(), "docker", "ps", "-a", "--format", "{{.Image}}").Output()
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(containers), registry) {
		t.Errorf("containers of %s are left:\n%s", registry, containers)
	}
	for _, address := range append(addresses, registry) {
		var d net.Dialer
		if conn, err := d.DialContext(t.Context(), "tcp", address); err == nil {
			_ = conn.Close()
			t.Errorf("%s still answers", address)
		}
	}
}
