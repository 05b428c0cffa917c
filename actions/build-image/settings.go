package buildimage

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// buildCacheKey is where BuildKit keeps its inline cache in a config. It names
// layers by position, so it must not outlive a change of the layers.
const buildCacheKey = "moby.buildkit.cache.v0"

// rewritten is an image with another config text.
type rewritten struct {
	v1.Image
	config []byte
}

// RawConfigFile implements [v1.Image].
func (r rewritten) RawConfigFile() ([]byte, error) { return r.config, nil }

// withoutBuildCache returns img without BuildKit's inline cache.
func withoutBuildCache(img v1.Image) v1.Image {
	raw, err := img.RawConfigFile()
	if err != nil || !strings.Contains(string(raw), buildCacheKey) {
		return img
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(raw, &fields) != nil {
		return img
	}
	delete(fields, buildCacheKey)
	if raw, err = json.Marshal(fields); err != nil {
		return img
	}
	return rewritten{img, raw}
}

// sameSettings tells whether two configs differ in nothing but when they were
// made.
func sameSettings(a, b v1.Image) (bool, error) {
	first, err := settings(a)
	if err != nil {
		return false, err
	}
	second, err := settings(b)
	if err != nil {
		return false, err
	}
	return reflect.DeepEqual(first, second), nil
}

// settings returns a config without its times and its history, which no
// container sees.
func settings(img v1.Image) (map[string]any, error) {
	raw, err := img.RawConfigFile()
	if err != nil {
		return nil, fmt.Errorf("read an image's config: %w", err)
	}
	var fields map[string]any
	if err := json.Unmarshal(raw, &fields); err != nil {
		return nil, fmt.Errorf("read an image's config: %w", err)
	}
	for _, key := range []string{"created", "history", "container", "container_config", "docker_version", buildCacheKey} {
		delete(fields, key)
	}
	if config, ok := fields["config"].(map[string]any); ok {
		// The ID of the image before the last instruction, which Docker's old
		// builder leaves there.
		delete(config, "Image")
		if labels, ok := config["Labels"].(map[string]any); ok {
			delete(labels, labelCreated)
		}
		for key, value := range config {
			// Engines write an absent setting as null, empty or not at all.
			if v := reflect.ValueOf(value); value == nil || v.Kind() != reflect.Bool && (v.IsZero() || isEmpty(v)) {
				delete(config, key)
			}
		}
	}
	return fields, nil
}

func isEmpty(v reflect.Value) bool {
	return (v.Kind() == reflect.Map || v.Kind() == reflect.Slice) && v.Len() == 0
}
