package build

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// attestationAnnotation marks a manifest of an index that describes another.
// https://github.com/moby/buildkit/blob/v0.26.3/docs/attestations/attestation-storage.md
const attestationAnnotation = "vnd.docker.reference.type"

func blobName(h v1.Hash) string { return "blobs/" + h.Algorithm + "/" + h.Hex }

// readLayout opens the image of an OCI layout.
// https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md
func readLayout(s store) (*Built, error) {
	top, err := readIndex(s, "index.json")
	if err != nil {
		return nil, err
	}
	if len(top.Manifests) != 1 {
		return nil, fmt.Errorf("the OCI layout holds %d images, want one: export it with one tag", len(top.Manifests))
	}
	descriptor := top.Manifests[0]
	if !descriptor.MediaType.IsIndex() {
		image, err := readImage(s, descriptor)
		if err != nil {
			return nil, err
		}
		image.Descriptor = v1.Descriptor{}
		return &Built{Images: []Image{image}}, nil
	}
	index, err := readIndex(s, blobName(descriptor.Digest))
	if err != nil {
		return nil, err
	}
	return readPlatforms(s, index)
}

func readPlatforms(s store, index *v1.IndexManifest) (*Built, error) {
	built := &Built{Index: index}
	for _, descriptor := range index.Manifests {
		if !descriptor.MediaType.IsImage() {
			return nil, fmt.Errorf("the image's index holds a %s, which is no image", descriptor.MediaType)
		}
		image, err := readImage(s, descriptor)
		if err != nil {
			return nil, err
		}
		if descriptor.Annotations[attestationAnnotation] != "" {
			built.Attestations = append(built.Attestations, image)
		} else {
			built.Images = append(built.Images, image)
		}
	}
	if len(built.Images) == 0 {
		return nil, errors.New("the image's index holds no image")
	}
	return built, nil
}

func readIndex(s store, name string) (*v1.IndexManifest, error) {
	text, err := readFile(s, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("this is no OCI layout: %w", err)
	}
	if err != nil {
		return nil, err
	}
	index, err := v1.ParseIndexManifest(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("read the OCI layout's %s: %w", name, err)
	}
	return index, nil
}

func readImage(s store, descriptor v1.Descriptor) (Image, error) {
	raw, err := readFile(s, blobName(descriptor.Digest))
	if err != nil {
		return Image{}, err
	}
	manifest, err := v1.ParseManifest(bytes.NewReader(raw))
	if err != nil {
		return Image{}, fmt.Errorf("read manifest %s: %w", descriptor.Digest, err)
	}
	config, err := readFile(s, blobName(manifest.Config.Digest))
	if err != nil {
		return Image{}, err
	}
	mediaType := manifest.MediaType
	if mediaType == "" {
		mediaType = descriptor.MediaType
	}
	core := &storedImage{store: s, mediaType: mediaType, manifest: raw, config: config}
	image, err := core.image(manifest, blobName)
	if err != nil {
		return Image{}, fmt.Errorf("image %s: %w", descriptor.Digest, err)
	}
	platform, err := platformOf(image)
	return Image{Image: image, Platform: platform, Descriptor: descriptor}, err
}

// dockerManifest is an entry of manifest.json of `docker save`.
// https://github.com/moby/docker-image-spec/blob/v1.3.1/v1.2.md
type dockerManifest struct {
	Config string
	Layers []string
}

// readDockerArchive opens the image of a `docker save`. Its layers stay
// uncompressed.
func readDockerArchive(s store) (*Built, error) {
	text, err := readFile(s, "manifest.json")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("this is no archive of docker save: %w", err)
	}
	if err != nil {
		return nil, err
	}
	var images []dockerManifest
	if err := json.Unmarshal(text, &images); err != nil {
		return nil, fmt.Errorf("read the archive's manifest.json: %w", err)
	}
	if len(images) != 1 {
		return nil, fmt.Errorf("the archive holds %d images, want one: `docker save` a single one", len(images))
	}
	config, err := readFile(s, images[0].Config)
	if err != nil {
		return nil, err
	}
	image, err := dockerImage(s, config, images[0].Layers)
	if err != nil {
		return nil, err
	}
	platform, err := platformOf(image)
	return &Built{Images: []Image{{Image: image, Platform: platform}}}, err
}

// dockerImage makes the manifest that the archive lacks.
func dockerImage(s store, config []byte, layers []string) (v1.Image, error) {
	parsed, err := v1.ParseConfigFile(bytes.NewReader(config))
	if err != nil {
		return nil, fmt.Errorf("read the archive's config: %w", err)
	}
	if len(parsed.RootFS.DiffIDs) != len(layers) {
		return nil, fmt.Errorf("the archive holds %d layers, its config names %d", len(layers), len(parsed.RootFS.DiffIDs))
	}
	configDigest, configSize, _ := v1.SHA256(bytes.NewReader(config)) // reading memory does not fail
	manifest := &v1.Manifest{
		SchemaVersion: 2, MediaType: types.OCIManifestSchema1, Layers: []v1.Descriptor{},
		Config: v1.Descriptor{MediaType: types.OCIConfigJSON, Digest: configDigest, Size: configSize},
	}
	names := map[v1.Hash]string{}
	for n, name := range layers {
		descriptor, err := archivedLayer(s, name, parsed.RootFS.DiffIDs[n])
		if err != nil {
			return nil, err
		}
		names[descriptor.Digest] = name
		manifest.Layers = append(manifest.Layers, descriptor)
	}
	raw, err := json.Marshal(manifest)
	if err != nil {
		return nil, fmt.Errorf("make the archive's manifest: %w", err)
	}
	core := &storedImage{store: s, mediaType: types.OCIManifestSchema1, manifest: raw, config: config}
	return core.image(manifest, func(h v1.Hash) string { return names[h] })
}

// archivedLayer describes a layer as it lies in the archive.
func archivedLayer(s store, name string, diffID v1.Hash) (v1.Descriptor, error) {
	content, size, err := s.open(name)
	if err != nil {
		return v1.Descriptor{}, err
	}
	defer content.Close()
	var begin bytes.Buffer
	kind, err := layerType(io.TeeReader(content, &begin))
	if err != nil {
		return v1.Descriptor{}, fmt.Errorf("layer %s: %w", name, err)
	}
	if kind == types.OCIUncompressedLayer {
		return v1.Descriptor{MediaType: kind, Digest: diffID, Size: size}, nil
	}
	digest, _, err := v1.SHA256(io.LimitReader(io.MultiReader(&begin, content), size))
	if err != nil {
		return v1.Descriptor{}, fmt.Errorf("read layer %s: %w", name, err)
	}
	return v1.Descriptor{MediaType: kind, Digest: digest, Size: size}, nil
}
