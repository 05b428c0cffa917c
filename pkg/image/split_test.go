package image

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/validate"
	"pgregory.net/rapid"
)

// However small the pieces, one on top of the other they make the built
// image, and none but a piece of a single file is larger than allowed.
func TestPiecesMakeTheWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		prev, built := drawImage(t), drawImage(t)
		limit := rapid.Int64Range(1, 60).Draw(t, "limit")
		before, after := indexOf(t, prev...), indexOf(t, built...)
		changes, err := Diff(before, after, Options{})
		if err != nil {
			t.Fatalf("diff: %v", err)
		}
		var bytesOfAll int64
		pieces := changes.Split(limit)
		layers, pushed := append([][]byte{}, prev...), before
		for i, piece := range pieces {
			bytesOfAll += piece.Bytes
			if piece.Bytes > limit && len(piece.Largest(2)) > 1 {
				t.Fatalf("a piece has %d bytes, at most %d are allowed:\n%s", piece.Bytes, limit, describeChanges(piece))
			}
			blob := writePiece(t, built, after, piece)
			layers = append(layers, blob)
			if i == len(pieces)-1 {
				_, err = Verify(t.Context(), pushed, bytes.NewReader(blob), after, Options{})
			} else {
				pushed, err = Apply(t.Context(), pushed, bytes.NewReader(blob))
			}
			if err != nil {
				t.Fatalf("piece %d of %d: %v", i+1, len(pieces), err)
			}
		}
		if bytesOfAll != changes.Bytes {
			t.Fatalf("the pieces have %d bytes, the whole %d", bytesOfAll, changes.Bytes)
		}
		got, want := unpack(t, layers...), unpack(t, built...)
		forgetPycTimes(got)
		forgetPycTimes(want)
		if got.text(false) != want.text(false) {
			t.Fatalf("got:\n%s\nwant:\n%s", got.text(false), want.text(false))
		}
	})
}

// writePiece returns the plain archive of a piece.
func writePiece(t *rapid.T, built [][]byte, after *Index, piece *Changes) []byte {
	t.Helper()
	var blob bytes.Buffer
	if _, err := WriteDelta(t.Context(), &blob, imageOf(t, built...), after, piece, Compression{Gzip, 1}, ""); err != nil {
		t.Fatalf("write piece: %v", err)
	}
	plain, err := decompress(&blob)
	if err != nil {
		t.Fatalf("unpack piece: %v", err)
	}
	var out bytes.Buffer
	if _, err := out.ReadFrom(plain); err != nil {
		t.Fatalf("unpack piece: %v", err)
	}
	return out.Bytes()
}

// Pieces merge one on top of the other.
func TestPiecesMerge(t *testing.T) {
	t.Parallel()
	prev, built := imageOf(t, archive(t, file("a", "1"))), imageOf(t, archive(t, file("a", "2"), file("b", "2")))
	before, err := BuildIndex(t.Context(), prev, BuildOptions{})
	if err != nil {
		t.Fatal(err)
	}
	after, err := BuildIndex(t.Context(), built, BuildOptions{})
	if err != nil {
		t.Fatal(err)
	}
	changes, err := Diff(before, after, Options{})
	if err != nil {
		t.Fatal(err)
	}
	img := prev
	for i, piece := range changes.Split(1) {
		var blob bytes.Buffer
		delta, err := WriteDelta(t.Context(), &blob, built, after, piece, Compression{Algorithm: Gzip}, "")
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Join(t.TempDir(), fmt.Sprint(i))
		if err := os.WriteFile(name, blob.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		if img, err = Merge(img, built, delta.Layer(name), "piece"); err != nil {
			t.Fatal(err)
		}
	}
	if err := validate.Image(img); err != nil {
		t.Error(err)
	}
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if len(config.RootFS.DiffIDs) != 3 || len(config.History) != 3 {
		t.Errorf("%d layers, history %+v", len(config.RootFS.DiffIDs), config.History)
	}
}

func TestSmallChangesStayWhole(t *testing.T) {
	t.Parallel()
	changes, err := Diff(indexOf(t, archive(t)), indexOf(t, archive(t, file("a", "1"), file("b", "2"))), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(changes.Split(2)); n != 1 {
		t.Errorf("%d pieces, want 1", n)
	}
	if n := len(changes.Split(1)); n != 2 {
		t.Errorf("%d pieces, want 2", n)
	}
}
