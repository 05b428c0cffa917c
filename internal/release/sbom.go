package release

import (
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
)

// bom is a software bill of materials in CycloneDX 1.6.
// https://cyclonedx.org/docs/1.6/json/
type bom struct {
	Format      string      `json:"bomFormat"`
	SpecVersion string      `json:"specVersion"`
	Version     int         `json:"version"`
	Metadata    bomMetadata `json:"metadata"`
	Components  []component `json:"components"`
}

type bomMetadata struct {
	Component component `json:"component"`
}

type component struct {
	Type    string `json:"type"`
	Name    string `json:"name"`
	Version string `json:"version"`
	PURL    string `json:"purl"`
	Ref     string `json:"bom-ref"`
}

// writeSBOM writes sbom.cdx.json: the modules that Go recorded in the binary,
// no more and no less.
func writeSBOM(o Options) error {
	if len(o.Bundled) == 0 {
		return nil
	}
	info, err := buildinfo.ReadFile(filepath.Join(o.Out, "bin", "shipkit-"+o.Bundled[0].String()))
	if err != nil {
		return fmt.Errorf("read the binary: %w", err)
	}
	list := bom{
		Format: "CycloneDX", SpecVersion: "1.6", Version: 1,
		Metadata:   bomMetadata{newComponent("application", info.Main.Path, o.Version)},
		Components: []component{newComponent("library", "std", strings.TrimPrefix(info.GoVersion, "go"))},
	}
	for _, module := range info.Deps {
		list.Components = append(list.Components, newComponent("library", module.Path, module.Version))
	}
	text, err := json.MarshalIndent(list, "", "  ")
	if err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	return write(filepath.Join(o.Out, "sbom.cdx.json"), append(text, '\n'))
}

// newComponent names a Go module as https://github.com/package-url/purl-spec does.
func newComponent(kind, path, version string) component {
	purl := "pkg:golang/" + path + "@" + version
	return component{Type: kind, Name: path, Version: version, PURL: purl, Ref: purl}
}
