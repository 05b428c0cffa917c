package image

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// synthetic writes an archive of files of the given size, spread over
// directories of a hundred, with contents that do not repeat.
func synthetic(w io.Writer, files int, size int64) error {
	random := rand.NewChaCha8([32]byte{})
	archive := tar.NewWriter(w)
	for i := range files {
		header := tar.Header{
			Typeflag: tar.TypeReg, Name: fmt.Sprintf("app/node_modules/package-%04d/lib/file-%06d.js", i/100, i),
			Mode: 0o644, Size: size, ModTime: time.Unix(1_700_000_000+int64(i), 0),
		}
		if err := archive.WriteHeader(&header); err != nil {
			return err //nolint:wrapcheck // a benchmark
		}
		if _, err := io.CopyN(archive, random, size); err != nil {
			return err //nolint:wrapcheck // a benchmark
		}
	}
	return archive.Close() //nolint:wrapcheck // a benchmark
}

func syntheticArchive(b *testing.B, files int, size int64) []byte {
	b.Helper()
	var out bytes.Buffer
	if err := synthetic(&out, files, size); err != nil {
		b.Fatal(err)
	}
	return out.Bytes()
}

// Indexing hashes each byte twice, for the layer's and the file's digest, on
// two cores: its bound is the speed of BenchmarkSHA256.
func BenchmarkIndexLayer(b *testing.B) {
	for _, tc := range []struct {
		files int
		size  int64
	}{{20_000, 4 << 10}, {8_000, 16 << 10}, {16, 8 << 20}} {
		b.Run(fmt.Sprintf("%dx%dKiB", tc.files, tc.size>>10), func(b *testing.B) {
			archive := syntheticArchive(b, tc.files, tc.size)
			b.SetBytes(int64(len(archive)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := IndexLayer(context.Background(), bytes.NewReader(archive)); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(tc.files)*float64(b.N)/b.Elapsed().Seconds(), "files/s")
		})
	}
}

func BenchmarkSHA256(b *testing.B) {
	content := make([]byte, 64<<20)
	b.SetBytes(int64(len(content)))
	for b.Loop() {
		sha256.Sum256(content)
	}
}

// Comparing two trees of 100,000 files, of which one in a thousand differs.
func BenchmarkDiff(b *testing.B) {
	const files = 100_000
	prev := indexOf(b, syntheticArchive(b, files, 16))
	built := indexOf(b, syntheticArchive(b, files, 16))
	for i := range built.Nodes {
		if i%1000 == 0 && built.Nodes[i].Type == Regular {
			built.Nodes[i].Sum[0] ^= 1
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		changes, err := Diff(prev, built, Options{})
		if err != nil || len(changes.All) < 90 {
			b.Fatalf("%d changes: %v", len(changes.All), err)
		}
	}
	b.ReportMetric(files*float64(b.N)/b.Elapsed().Seconds(), "files/s")
}

func BenchmarkReadLayerIndex(b *testing.B) {
	const files = 100_000
	blob, err := indexOf(b, syntheticArchive(b, files, 16)).Layers[0].Blob()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(len(blob))/files, "B/file")
	for b.Loop() {
		if _, err := ReadLayerIndex(blob); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(files*float64(b.N)/b.Elapsed().Seconds(), "files/s")
	b.ReportMetric(float64(len(blob))/files, "B/file")
}

// From two images of 5 GB and 100,000 files each to a verified delta, all of
// it streamed. peak-MB is the most memory that the whole process had, the
// generator of the images included: run this benchmark alone.
func BenchmarkLargeImage(b *testing.B) {
	const files, size = 100_000, 50 << 10
	ctx := context.Background()
	index := func(l generated) *Index {
		content, err := l.Uncompressed()
		if err != nil {
			b.Fatal(err)
		}
		defer content.Close()
		layer, err := IndexLayer(ctx, content)
		if err != nil {
			b.Fatal(err)
		}
		ix, err := NewIndex([]*LayerIndex{layer})
		if err != nil {
			b.Fatal(err)
		}
		return ix
	}
	b.SetBytes(2 * files * size)
	for b.Loop() {
		prev, built := index(generated{files, size}), index(generated{files + 200, size})
		changes, err := Diff(prev, built, Options{})
		if err != nil {
			b.Fatal(err)
		}
		var blob bytes.Buffer
		if _, err := WriteDelta(ctx, &blob, generatedImage{layer: generated{files + 200, size}}, built, changes,
			Compression{Algorithm: Zstd}, b.TempDir()); err != nil {
			b.Fatal(err)
		}
		if _, err := Verify(ctx, prev, &blob, built, Options{}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(peakMemory(b), "peak-MB")
}

// generated is a layer that is made while it is read.
type generated struct {
	files int
	size  int64
}

func (g generated) Uncompressed() (io.ReadCloser, error) {
	r, w := io.Pipe()
	go func() { w.CloseWithError(synthetic(w, g.files, g.size)) }()
	return r, nil
}

// generatedImage has one generated layer.
type generatedImage struct {
	v1.Image
	layer generated
}

func (i generatedImage) Layers() ([]v1.Layer, error) {
	return []v1.Layer{generatedLayer{nil, i.layer}}, nil
}

type generatedLayer struct {
	v1.Layer
	generated
}

func (l generatedLayer) Uncompressed() (io.ReadCloser, error) { return l.generated.Uncompressed() }

func (l generatedLayer) Compressed() (io.ReadCloser, error) { return l.Uncompressed() }

// peakMemory returns the process's largest resident set so far, in MB.
func peakMemory(b *testing.B) float64 {
	b.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Fatal(err)
	}
	var kB float64
	_, after, _ := bytes.Cut(status, []byte("VmHWM:"))
	if _, err := fmt.Sscan(string(after), &kB); err != nil {
		b.Fatal(err)
	}
	return kB * 1024 / 1e6
}
