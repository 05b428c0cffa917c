package image

import (
	"bytes"
	"encoding/json"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Merge returns the image with the layers of prev, then the delta (nil if the
// filesystems are the same), and the configuration of the built image. The
// layers of prev are named, never read. The note describes the delta in the
// image's history.
func Merge(prev, built v1.Image, delta v1.Layer, note string) (v1.Image, error) {
	base, err := readParts(prev)
	if err != nil {
		return nil, fmt.Errorf("merge image: read previous image: %w", err)
	}
	top, err := readParts(built)
	if err != nil {
		return nil, fmt.Errorf("merge image: read built image: %w", err)
	}
	m := &merged{prev: prev, delta: delta, manifest: *base.manifest.DeepCopy()}
	m.manifest.Annotations = top.manifest.Annotations
	m.manifest.Subject, m.manifest.ArtifactType = nil, ""
	diffIDs := base.config.RootFS.DiffIDs
	history := layerHistory(base.config)
	if delta != nil {
		descriptor, err := partial.Descriptor(delta)
		if err != nil {
			return nil, fmt.Errorf("merge image: describe delta: %w", err)
		}
		diffID, err := delta.DiffID()
		if err != nil {
			return nil, fmt.Errorf("merge image: describe delta: %w", err)
		}
		m.manifest.Layers = append(m.manifest.Layers, *descriptor)
		diffIDs = append(diffIDs, diffID)
		history = append(history, v1.History{Created: top.config.Created, CreatedBy: note})
	}
	history = append(history, settingsHistory(top.config)...)
	return m.finish(top.rawConfig, diffIDs, history)
}

// parts are what an image is described by.
type parts struct {
	manifest  *v1.Manifest
	config    *v1.ConfigFile
	rawConfig []byte
}

func readParts(img v1.Image) (p parts, err error) {
	if p.manifest, err = img.Manifest(); err != nil {
		return p, fmt.Errorf("manifest: %w", err)
	}
	if p.rawConfig, err = img.RawConfigFile(); err != nil {
		return p, fmt.Errorf("configuration: %w", err)
	}
	if p.config, err = img.ConfigFile(); err != nil {
		return p, fmt.Errorf("configuration: %w", err)
	}
	if len(p.manifest.Layers) != len(p.config.RootFS.DiffIDs) {
		return p, fmt.Errorf("manifest has %d layers, configuration %d", len(p.manifest.Layers), len(p.config.RootFS.DiffIDs))
	}
	return p, nil
}

// layerHistory returns the history of a configuration's layers, one entry for
// each: what stands for no layer is left out, what lacks is filled up.
func layerHistory(config *v1.ConfigFile) []v1.History {
	out := make([]v1.History, 0, len(config.RootFS.DiffIDs)+1)
	for _, h := range config.History {
		if !h.EmptyLayer && len(out) < len(config.RootFS.DiffIDs) {
			out = append(out, h)
		}
	}
	for len(out) < len(config.RootFS.DiffIDs) {
		out = append(out, v1.History{Comment: "layer without history"})
	}
	return out
}

// settingsHistory returns the history that stands for no layer: ENV, CMD and
// the like. They are the built image's, as its configuration is.
func settingsHistory(config *v1.ConfigFile) []v1.History {
	var out []v1.History
	for _, h := range config.History {
		if h.EmptyLayer {
			out = append(out, h)
		}
	}
	return out
}

// merged is an image whose lower layers are in the registry only.
type merged struct {
	prev      v1.Image
	delta     v1.Layer
	manifest  v1.Manifest
	rawConfig []byte
	raw       []byte
}

// finish sets configuration and manifest. Of the built image's configuration
// every field stays as it is, known to us or not, but the layers and history.
func (m *merged) finish(config []byte, diffIDs []v1.Hash, history []v1.History) (v1.Image, error) {
	fields := map[string]json.RawMessage{}
	if err := json.Unmarshal(config, &fields); err != nil {
		return nil, fmt.Errorf("merge image: read configuration: %w", err)
	}
	var err error
	if fields["rootfs"], err = json.Marshal(v1.RootFS{Type: "layers", DiffIDs: diffIDs}); err != nil {
		return nil, fmt.Errorf("merge image: write layers: %w", err)
	}
	if fields["history"], err = json.Marshal(history); err != nil {
		return nil, fmt.Errorf("merge image: write history: %w", err)
	}
	if m.rawConfig, err = json.Marshal(fields); err != nil {
		return nil, fmt.Errorf("merge image: write configuration: %w", err)
	}
	digest, size, err := v1.SHA256(bytes.NewReader(m.rawConfig))
	if err != nil {
		return nil, fmt.Errorf("merge image: %w", err)
	}
	m.manifest.Config = v1.Descriptor{MediaType: m.manifest.Config.MediaType, Digest: digest, Size: size}
	alignTypes(&m.manifest)
	if m.raw, err = json.Marshal(m.manifest); err != nil {
		return nil, fmt.Errorf("merge image: write manifest: %w", err)
	}
	img, err := partial.CompressedToImage(m)
	if err != nil {
		return nil, fmt.Errorf("merge image: %w", err)
	}
	return img, nil
}

// ociTypes are the OCI names of Docker's media types. Both name the same
// bytes; only OCI has a name for zstd layers.
var ociTypes = map[types.MediaType]types.MediaType{
	types.DockerManifestSchema2:   types.OCIManifestSchema1,
	types.DockerConfigJSON:        types.OCIConfigJSON,
	types.DockerLayer:             types.OCILayer,
	types.DockerUncompressedLayer: types.OCIUncompressedLayer,
	types.DockerForeignLayer:      types.OCIRestrictedLayer,
}

// alignTypes makes all media types Docker's or all OCI's. Docker's stay if
// each layer has a name there.
func alignTypes(m *v1.Manifest) {
	dockerNames := map[types.MediaType]types.MediaType{}
	for docker, oci := range ociTypes {
		dockerNames[oci] = docker
	}
	if m.MediaType == "" { // optional in OCI
		m.MediaType = types.OCIManifestSchema1
	}
	names := ociTypes
	if m.MediaType == types.DockerManifestSchema2 {
		names = dockerNames
		for _, l := range m.Layers {
			if l.MediaType == types.OCILayerZStd {
				names = ociTypes
			}
		}
	}
	rename := func(t *types.MediaType) {
		if name, ok := names[*t]; ok {
			*t = name
		}
	}
	rename(&m.MediaType)
	rename(&m.Config.MediaType)
	for i := range m.Layers {
		rename(&m.Layers[i].MediaType)
	}
}

// RawConfigFile implements partial.CompressedImageCore.
func (m *merged) RawConfigFile() ([]byte, error) { return m.rawConfig, nil }

// MediaType implements partial.CompressedImageCore.
func (m *merged) MediaType() (types.MediaType, error) { return m.manifest.MediaType, nil }

// RawManifest implements partial.CompressedImageCore.
func (m *merged) RawManifest() ([]byte, error) { return m.raw, nil }

// LayerByDigest implements partial.CompressedImageCore.
func (m *merged) LayerByDigest(digest v1.Hash) (partial.CompressedLayer, error) {
	for i, descriptor := range m.manifest.Layers {
		if descriptor.Digest != digest {
			continue
		}
		if m.delta != nil && i == len(m.manifest.Layers)-1 {
			return renamedLayer{m.delta, descriptor.MediaType}, nil
		}
		layer, err := m.prev.LayerByDigest(digest)
		if err != nil {
			return nil, fmt.Errorf("find layer of previous image: %w", err)
		}
		return renamedLayer{layer, descriptor.MediaType}, nil
	}
	return nil, fmt.Errorf("the merged image has no layer %s", digest)
}

// renamedLayer is a layer under another name of its media type.
type renamedLayer struct {
	v1.Layer
	mediaType types.MediaType
}

// MediaType implements v1.Layer.
func (l renamedLayer) MediaType() (types.MediaType, error) { return l.mediaType, nil }
