package buildimage

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/org/shipkit/pkg/image"
	"github.com/org/shipkit/pkg/registry"
)

// cache is the folder that outlives a run: file indexes of layers, what was
// pushed last, how fast. Losing it costs bytes, never correctness: an entry
// that cannot be read counts as absent.
type cache struct{ dir string }

var _ registry.Documents = cache{}

func (c cache) path(kind, key string) string {
	return filepath.Join(c.dir, kind, strings.NewReplacer("/", "_", ":", "_", "..", "_").Replace(key))
}

// put keeps an entry, whole or not at all.
func (c cache) put(kind, key string, content []byte) error {
	if err := registry.WriteFile(c.path(kind, key), content); err != nil {
		return fmt.Errorf("keep %s for the next run: %w", kind, err)
	}
	return nil
}

// layer returns the file index of a layer, nil if it is not known.
func (c cache) layer(diffID v1.Hash) *image.LayerIndex {
	blob, err := os.ReadFile(c.path("layers", diffID.String()))
	if err != nil {
		return nil
	}
	index, err := image.ReadLayerIndex(blob)
	if err != nil || index.DiffID != diffID {
		return nil
	}
	return index
}

// keepIndex keeps the indexes of all layers.
func (c cache) keepIndex(index *image.Index) error {
	for _, layer := range index.Layers {
		if _, err := os.Stat(c.path("layers", layer.DiffID.String())); err == nil {
			continue
		}
		blob, err := layer.Blob()
		if err != nil {
			return fmt.Errorf("encode the index of layer %s: %w", layer.DiffID, err)
		}
		if err := c.put("layers", layer.DiffID.String(), blob); err != nil {
			return err
		}
	}
	return nil
}

// index returns the index of an image all of whose layers are known.
func (c cache) index(diffIDs []v1.Hash) *image.Index {
	layers := make([]*image.LayerIndex, len(diffIDs))
	for i, diffID := range diffIDs {
		if layers[i] = c.layer(diffID); layers[i] == nil {
			return nil
		}
	}
	index, err := image.NewIndex(layers)
	if err != nil {
		return nil
	}
	return index
}

// Load implements [registry.Documents].
func (c cache) Load(digest v1.Hash) []byte {
	content, _ := os.ReadFile(c.path("documents", digest.String())) // absent: nil
	return content
}

// Store implements [registry.Documents].
func (c cache) Store(digest v1.Hash, content []byte) {
	_ = c.put("documents", digest.String(), content) // the next run reads it from the registry
}

// pushed is what the last push to a repository left behind.
type pushed struct {
	Repository string `json:"repository"`
	Digest     string `json:"digest"`
	// BytesPerSecond is how fast it went; 0 means too short to tell.
	BytesPerSecond float64 `json:"bytesPerSecond"`
	// IndexBlobs are the blobs of the file index that was attached to it.
	IndexBlobs []v1.Hash `json:"indexBlobs,omitempty"`
}

func (c cache) lastPush(repository string) pushed {
	var p pushed
	content, err := os.ReadFile(c.path("pushes", repository))
	if err != nil || json.Unmarshal(content, &p) != nil {
		return pushed{}
	}
	return p
}

func (c cache) keepPush(p pushed) error {
	content, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("keep the push to %s: %w", p.Repository, err)
	}
	return c.put("pushes", p.Repository, content)
}
