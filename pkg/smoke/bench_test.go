package smoke_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/org/shipkit/pkg/smoke"
	"github.com/org/shipkit/pkg/smoke/probe"
)

// BenchmarkChecks runs 200 checks with five assertions each.
func BenchmarkChecks(b *testing.B) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"status":"ok","items":[1,2,3]}`)
	}))
	b.Cleanup(server.Close)
	var file strings.Builder
	file.WriteString("checks:\n")
	for i := range 200 {
		fmt.Fprintf(&file, "  - {name: c%d, url: '%s/%d', asserts: [{jq: '.status == \"ok\"'}, {jq: '.items | length == 3'}, "+
			"{body: {contains: items}}, {header: {name: Content-Type, contains: json}}, {size: {max: 1kB}}]}\n", i, server.URL, i)
	}
	for b.Loop() {
		suite := read(b, file.String(), nil)
		client := &probe.Client{}
		result := smoke.Run(b.Context(), suite, client, smoke.Options{})
		client.Close()
		if result.Passed != 200 {
			b.Fatalf("%d passed", result.Passed)
		}
	}
}

// A body of 100 MB costs no more memory than its bound.
func TestMemoryStaysBounded(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100000000")
		chunk := make([]byte, 1<<20)
		for range 96 {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	}))
	t.Cleanup(server.Close)
	suite := read(t, "checks: [{name: a, url: '"+server.URL+"', asserts: [{size: {max: 200MB}}], stable: {samples: 20, interval: 1ms}}]", nil)
	client := &probe.Client{}
	t.Cleanup(client.Close)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	result := smoke.Run(t.Context(), suite, client, smoke.Options{})
	runtime.ReadMemStats(&after)
	if !result.OK() {
		t.Fatalf("%+v", result.Checks[0].Findings)
	}
	const samples, perSample = 20, 10 << 20
	if used := after.TotalAlloc - before.TotalAlloc; used > samples*perSample {
		t.Errorf("%d MB were allocated for %d bodies of 100 MB", used>>20, samples)
	}
}
