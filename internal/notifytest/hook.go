package notifytest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
)

// Hook is a webhook that keeps what it gets.
type Hook struct {
	// Address ends with a path that must never be shown: SECRETPATH.
	Address string

	mu     sync.Mutex
	bodies []string
	status []int
}

// NewHook starts a webhook that ends with the test. It answers with the
// statuses in turn, and then always with the last one; 200 without any.
func NewHook(t testing.TB, statuses ...int) *Hook {
	h := &Hook{status: append(slices.Clone(statuses), http.StatusOK)[:max(1, len(statuses))]}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		h.mu.Lock()
		defer h.mu.Unlock()
		h.bodies = append(h.bodies, string(body))
		w.WriteHeader(h.status[0])
		if len(h.status) > 1 {
			h.status = h.status[1:]
		}
	}))
	t.Cleanup(server.Close)
	h.Address = server.URL + "/SECRETPATH"
	return h
}

// Bodies returns what it got, the first one first.
func (h *Hook) Bodies() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.bodies)
}
