package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/org/shipkit/internal/release"
	"github.com/org/shipkit/pkg/action"
	"github.com/org/shipkit/pkg/markdown"
)

// writeTables fills the tables of every README from the action.yml files.
func writeTables(root string) error {
	names, err := release.ActionNames(root)
	if err != nil {
		return fmt.Errorf("tables: %w", err)
	}
	var problems []error
	var index [][]string
	for _, name := range names {
		dir := filepath.Join(root, "actions", name)
		meta, err := readMetadata(filepath.Join(dir, "action.yml"))
		if err != nil {
			problems = append(problems, err)
			continue
		}
		index = append(index, []string{"[" + name + "](actions/" + name + ")", cell(meta.Description)})
		parts := map[string]string{"inputs": inputTable(meta), "outputs": outputTable(meta)}
		problems = append(problems, fill(filepath.Join(dir, "README.md"), parts))
	}
	actions := markdown.Table([]string{"Action", "What it does"}, index)
	problems = append(problems, fill(filepath.Join(root, "README.md"), map[string]string{"actions": actions}))
	return errors.Join(problems...)
}

func readMetadata(path string) (*action.Metadata, error) {
	text, err := os.ReadFile(filepath.Clean(path))
	if err != nil {
		return nil, fmt.Errorf("read action.yml: %w", err)
	}
	meta, err := action.ParseMetadata(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return meta, nil
}

func inputTable(meta *action.Metadata) string {
	if len(meta.Inputs) == 0 {
		return "It has no inputs.\n"
	}
	var rows [][]string
	for _, input := range meta.Inputs {
		standard := markdown.Code(strings.TrimSpace(input.Default))
		if input.Required {
			standard = "**required**"
		}
		rows = append(rows, []string{markdown.Code(input.Name), cell(input.Description), standard})
	}
	return markdown.Table([]string{"Input", "Meaning", "Default"}, rows)
}

func outputTable(meta *action.Metadata) string {
	if len(meta.Outputs) == 0 {
		return "It has no outputs.\n"
	}
	var rows [][]string
	for _, output := range meta.Outputs {
		rows = append(rows, []string{markdown.Code(output.Name), cell(output.Description)})
	}
	return markdown.Table([]string{"Output", "Meaning"}, rows)
}

// cell keeps the Markdown of a description, on one line.
func cell(description string) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(description), " "), "|", `\|`)
}

// fill replaces the text between <!-- name:begin --> and <!-- name:end -->.
func fill(path string, parts map[string]string) error {
	text, err := os.ReadFile(filepath.Clean(path))
	if err != nil {
		return fmt.Errorf("read README: %w", err)
	}
	filled := string(text)
	for name, part := range parts {
		begin, end := "<!-- "+name+":begin -->", "<!-- "+name+":end -->"
		between := regexp.MustCompile("(?s)" + begin + ".*?" + end)
		if len(between.FindAllString(filled, -1)) != 1 {
			return fmt.Errorf("%s: needs %s and %s once", path, begin, end)
		}
		filled = between.ReplaceAllLiteralString(filled, begin+"\n"+part+end)
	}
	if filled == string(text) {
		return nil
	}
	if err := os.WriteFile(path, []byte(filled), 0o600); err != nil {
		return fmt.Errorf("write README: %w", err)
	}
	return nil
}
