package bench

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/org/shipkit/pkg/markdown"
)

// scenario is a push after a first one, over a line.
type scenario struct {
	name string
	// first is pushed before, over a fast line; "" pushes nothing.
	first, second string
	rate          string
	loss          float64
	cut           int64
}

// outcome is one cell of the table: bytes that arrived at the registry, bytes
// both ways on the interface, and the time.
type outcome struct {
	arrived, wire int64
	took          time.Duration
	err           error
}

func (o outcome) String() string {
	if o.took == 0 && o.err == nil {
		return "not measured"
	}
	text := fmt.Sprintf("%s (%s), %s", megabytes(o.arrived), megabytes(o.wire), markdown.Duration(o.took))
	if o.err != nil {
		return "fails after " + text
	}
	return text
}

func megabytes(n int64) string { return fmt.Sprintf("%.3f MB", float64(n)/1e6) }

// BenchmarkPush pushes with each tool and prints one table.
func BenchmarkPush(b *testing.B) {
	l := newLine(b)
	compared := tools(b, newEngine(b, l))
	dir := nodeapp(b)
	version := func(v string) string { return filepath.Join(dir, v+".tar") }
	noise := noiseImage(b, 20<<20)
	scenarios := []scenario{
		{"one dependency more recent, fast line", version("v1"), version("v2"), "", 0, 0},
		{"`next` and its native addon more recent, fast line", version("v1"), version("v3"), "", 0, 0},
		{"20 MiB that do not compress, dropped every 6 MiB", "", noise, "", 0, 6 << 20},
		{"only times differ, 10 Mbit/s, 1 % loss", version("v1"), version("v1-again"), "10mbit", 0.01, 0},
		{"one dependency more recent, 10 Mbit/s, 1 % loss", version("v1"), version("v2"), "10mbit", 0.01, 0},
	}
	header := []string{"Push"}
	for _, t := range compared {
		header = append(header, t.name)
	}
	var rows [][]string
	for n, s := range scenarios {
		row := []string{s.name}
		for _, t := range compared {
			var o outcome
			b.Run(fmt.Sprintf("%d/%s", n, strings.ReplaceAll(t.name, " ", "-")), func(b *testing.B) {
				// One push is the measure: a second one would push nothing.
				if o.took == 0 {
					o = l.measure(s, t, fmt.Sprintf("%s/bench-%s:latest", host(n), strings.ReplaceAll(t.name, " ", "-")))
				}
				b.ReportMetric(float64(o.arrived), "arrived-B")
				b.ReportMetric(float64(o.wire), "wire-B")
				b.ReportMetric(o.took.Seconds(), "s")
				b.ReportMetric(0, "ns/op")
			})
			row = append(row, o.String())
		}
		rows = append(rows, row)
	}
	fmt.Println("\n" + markdown.Table(header, rows))
}

// measure pushes the first image over a fast line, then the second over the
// scenario's.
func (l *line) measure(s scenario, t tool, to string) (o outcome) {
	l.shape("", 0)
	l.drop(0)
	if s.first != "" {
		env, args := t.push(s.first, to)
		if _, err := l.timed(env, args...); err != nil {
			return outcome{err: err}
		}
	}
	env, args := t.push(s.second, to)
	l.drop(s.cut)
	l.shape(s.rate, s.loss)
	arrived, wire := l.arrived(), l.bytes()
	o.took, o.err = l.timed(env, args...)
	l.shape("", 0)
	o.wire = l.bytes() - wire
	o.arrived = l.arrived() - arrived
	return o
}

// nodeapp makes the application's images once a machine.
func nodeapp(b *testing.B) string {
	b.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		b.Fatal(err)
	}
	dir := filepath.Join(cache, "shipkit-bench", "nodeapp")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		b.Fatal(err)
	}
	run(b, filepath.Join(root(), "internal", "bench", "nodeapp", "build.sh"), dir)
	return dir
}

// noiseImage writes an image of one file that does not compress.
func noiseImage(b *testing.B, size int) string {
	b.Helper()
	content := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{7}).Read(content)
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		var archive bytes.Buffer
		w := tar.NewWriter(&archive)
		_ = w.WriteHeader(&tar.Header{Name: "noise", Mode: 0o644, Size: int64(size)})
		_, _ = w.Write(content)
		_ = w.Close()
		return io.NopCloser(&archive), nil
	})
	if err != nil {
		b.Fatal(err)
	}
	img, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		b.Fatal(err)
	}
	tag, err := name.NewTag("noise:v1")
	if err != nil {
		b.Fatal(err)
	}
	file := filepath.Join(b.TempDir(), "noise.tar")
	if err := tarball.WriteToFile(file, tag, img); err != nil {
		b.Fatal(err)
	}
	return file
}
