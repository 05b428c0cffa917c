package action

import (
	"errors"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Metadata is what an action.yml says, in its order.
// https://docs.github.com/actions/reference/workflows-and-actions/metadata-syntax
type Metadata struct {
	Name        string
	Description string
	Using       string // runs.using, such as node24
	Main        string // runs.main
	Post        string // runs.post
	Inputs      []Input
	Outputs     []Output
}

// Input is one input of an action.yml.
type Input struct {
	Name        string
	Description string
	Default     string
	Required    bool
	Deprecation string // deprecationMessage
}

// Output is one output of an action.yml.
type Output struct {
	Name        string
	Description string
}

// Expression tells whether the default is an expression that only the runner
// can work out, such as ${{ github.token }}.
func (i Input) Expression() bool { return strings.Contains(i.Default, "${{") }

// Input returns the input of that name.
func (m *Metadata) Input(name string) (Input, bool) {
	for _, input := range m.Inputs {
		if input.Name == name {
			return input, true
		}
	}
	return Input{}, false
}

// HasOutput tells whether an output of that name is declared.
func (m *Metadata) HasOutput(name string) bool {
	for _, output := range m.Outputs {
		if output.Name == name {
			return true
		}
	}
	return false
}

// ParseMetadata reads an action.yml.
func ParseMetadata(text []byte) (*Metadata, error) {
	var file struct {
		Name        string    `yaml:"name"`
		Description string    `yaml:"description"`
		Inputs      yaml.Node `yaml:"inputs"`
		Outputs     yaml.Node `yaml:"outputs"`
		Runs        struct {
			Using string `yaml:"using"`
			Main  string `yaml:"main"`
			Post  string `yaml:"post"`
		} `yaml:"runs"`
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		return nil, fmt.Errorf("parse YAML: %w", err)
	}
	meta := &Metadata{
		Name: file.Name, Description: file.Description,
		Using: file.Runs.Using, Main: file.Runs.Main, Post: file.Runs.Post,
	}
	err := eachEntry(&file.Inputs, func(name string, entry metadataEntry) {
		meta.Inputs = append(meta.Inputs, Input{
			Name: name, Description: strings.TrimSpace(entry.Description), Default: entry.Default,
			Required: entry.Required, Deprecation: entry.Deprecation,
		})
	})
	if err != nil {
		return nil, fmt.Errorf("read inputs: %w", err)
	}
	err = eachEntry(&file.Outputs, func(name string, entry metadataEntry) {
		meta.Outputs = append(meta.Outputs, Output{Name: name, Description: strings.TrimSpace(entry.Description)})
	})
	if err != nil {
		return nil, fmt.Errorf("read outputs: %w", err)
	}
	return meta, nil
}

type metadataEntry struct {
	Description string `yaml:"description"`
	Default     string `yaml:"default"`
	Required    bool   `yaml:"required"`
	Deprecation string `yaml:"deprecationMessage"`
}

// eachEntry calls do for every entry of a mapping, in the order of the file.
func eachEntry(node *yaml.Node, do func(name string, entry metadataEntry)) error {
	if node.IsZero() || node.Tag == "!!null" {
		return nil
	}
	if node.Kind != yaml.MappingNode {
		return errors.New("not a mapping")
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		var entry metadataEntry
		if err := node.Content[i+1].Decode(&entry); err != nil {
			return fmt.Errorf("decode %s: %w", node.Content[i].Value, err)
		}
		do(node.Content[i].Value, entry)
	}
	return nil
}
