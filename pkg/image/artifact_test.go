package image

import (
	"bytes"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

func diffIDs(ix *Index) []v1.Hash {
	var ids []v1.Hash
	for _, l := range ix.Layers {
		ids = append(ids, l.DiffID)
	}
	return ids
}

func TestArtifactCarriesTheIndex(t *testing.T) {
	t.Parallel()
	ix := indexOf(t, archive(t, file("a", "1"), hardlink("b", "a")), archive(t, file(".wh.a", ""), symlink("c", "b")))
	subject := v1.Descriptor{MediaType: types.OCIManifestSchema1, Digest: ix.Layers[0].DiffID, Size: 7}
	artifact, err := Artifact(ix, subject)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Image(artifact, validate.Fast); err != nil {
		t.Error(err)
	}
	manifest, err := artifact.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	if manifest.ArtifactType != ArtifactType || manifest.Subject == nil || manifest.Subject.Digest != subject.Digest {
		t.Errorf("manifest %+v", manifest)
	}
	back, err := ReadArtifact(artifact, diffIDs(ix), nil)
	if err != nil {
		t.Fatal(err)
	}
	if indexText(back) != indexText(ix) {
		t.Errorf("got\n%s\nwant\n%s", indexText(back), indexText(ix))
	}
	again, err := Artifact(back, subject)
	if err != nil {
		t.Fatal(err)
	}
	if a, b := digestOf(t, artifact), digestOf(t, again); a != b {
		t.Errorf("read and written again it is %s, was %s", b, a)
	}
}

func digestOf(t *testing.T, img v1.Image) v1.Hash {
	t.Helper()
	digest, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return digest
}

func TestArtifactOfAnotherImageIsRefused(t *testing.T) {
	t.Parallel()
	ix := indexOf(t, archive(t, file("a", "1")))
	other := indexOf(t, archive(t, file("a", "2")))
	artifact, err := Artifact(ix, v1.Descriptor{})
	if err != nil {
		t.Fatal(err)
	}
	for _, ids := range [][]v1.Hash{nil, diffIDs(other), append(diffIDs(ix), diffIDs(other)...)} {
		if _, err := ReadArtifact(artifact, ids, nil); err == nil {
			t.Errorf("taken for an image of layers %v", ids)
		}
	}
}

func TestBrokenIndexesAreRefused(t *testing.T) {
	t.Parallel()
	blob := blobOf(t, file("a", "1"), file("b", "2"))
	for name, broken := range map[string][]byte{
		"empty":           nil,
		"another version": bytes.Replace(blob, []byte("index-1"), []byte("index-2"), 1),
		"cut off":         blob[:len(blob)-5],
		"changed":         append(append([]byte{}, blob[:len(blob)-3]...), 1, 2, 3),
		"out of order":    coded(t, Entry{"b", &File{Type: FIFO}}, Entry{"a", &File{Type: FIFO}}),
		"twice":           coded(t, Entry{"a", &File{Type: FIFO}}, Entry{"a", &File{Type: FIFO}}),
		"traversal":       coded(t, Entry{"../a", &File{Type: FIFO}}),
		"rooted":          coded(t, Entry{"/a", &File{Type: FIFO}}),
		"no directory":    coded(t, Entry{"a/b", &File{Type: FIFO}}),
		"unknown type":    coded(t, Entry{"a", &File{Type: 'x'}}),
		"large mode":      coded(t, Entry{"a", &File{Type: FIFO, Mode: 0o10000}}),
		"negative size":   coded(t, Entry{"a", &File{Type: Regular, Size: -1}}),
		"link out":        coded(t, Entry{"a", &File{Type: Hardlink, Link: "../b"}}),
		"long link":       coded(t, Entry{"a", &File{Type: Symlink, Link: strings.Repeat("x", 5000)}}),
	} {
		if _, err := ReadLayerIndex(broken); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func blobOf(t fataler, items ...item) []byte {
	blob, err := indexOf(t, archive(t, items...)).Layers[0].Blob()
	if err != nil {
		t.Fatalf("encode: %v", err)
	}
	return blob
}

// coded encodes entries, valid or not.
func coded(t *testing.T, entries ...Entry) []byte {
	t.Helper()
	l := &LayerIndex{DiffID: v1.Hash{Algorithm: "sha256", Hex: strings.Repeat("0", 64)}, Entries: entries}
	blob, err := l.Blob()
	if err != nil {
		t.Fatal(err)
	}
	return blob
}
