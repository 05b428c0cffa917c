package bench

import (
	"io"
	"net"
	"net/http"
	"os"
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
	server, stop, err := registrytest.Serve(ip+":"+port, os.Getenv("BENCH_STORAGE"))
	if err != nil {
		panic(err)
	}
	listener, err := net.Listen("tcp", ip+":5001")
	if err != nil {
		panic(err)
	}
	go func() { _ = http.Serve(listener, controls(server.Line)) }()
	// The parent closes our input when it ends.
	_, _ = io.Copy(io.Discard, os.Stdin)
	stop()
	os.Exit(0)
}
