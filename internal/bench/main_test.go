package bench

import (
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/org/shipkit/internal/registrytest"
)

// TestMain makes this binary the registry when a benchmark starts it in the
// registry's namespace.
func TestMain(m *testing.M) {
	ip := os.Getenv("BENCH_REGISTRY")
	if ip == "" {
		os.Exit(m.Run())
	}
	var lines []*registrytest.Line
	for n := range registries {
		dir := filepath.Join(os.Getenv("BENCH_STORAGE"), strconv.Itoa(n))
		server, stop, err := registrytest.Serve(host(n), dir)
		if err != nil {
			panic(err)
		}
		defer stop()
		lines = append(lines, server.Line)
	}
	listener, err := net.Listen("tcp", ip+controlPort)
	if err != nil {
		panic(err)
	}
	go func() { _ = http.Serve(listener, controls(lines)) }()
	// The parent closes our input when it ends.
	_, _ = io.Copy(io.Discard, os.Stdin)
}
