package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/org/shipkit/internal/release"
)

// root is the module's folder, seen from this package.
const root = "../.."

func TestEveryFolderOfAnActionHasASpec(t *testing.T) {
	folders, err := release.ActionNames(root)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, spec := range specs {
		names = append(names, spec.Name())
	}
	slices.Sort(names)
	if !slices.Equal(folders, names) {
		t.Errorf("folders %v, Specs %v", folders, names)
	}
}

func TestSpecsAgreeWithTheirActionYML(t *testing.T) {
	for _, spec := range specs {
		t.Run(spec.Name(), func(t *testing.T) {
			if err := spec.Check(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestAnActionExportsOnlySpec(t *testing.T) {
	for _, spec := range specs {
		t.Run(spec.Name(), func(t *testing.T) {
			exported := exportedNames(t, filepath.Join(root, "actions", spec.Name()))
			if !slices.Equal(exported, []string{"Spec"}) {
				t.Errorf("it exports %v", exported)
			}
		})
	}
}

func exportedNames(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, declaration := range file.Decls {
			names = append(names, declared(declaration)...)
		}
	}
	return slices.DeleteFunc(names, func(name string) bool { return !ast.IsExported(name) })
}

// declared returns the names of the package that a declaration makes; methods
// are none.
func declared(declaration ast.Decl) []string {
	switch d := declaration.(type) {
	case *ast.FuncDecl:
		if d.Recv == nil {
			return []string{d.Name.Name}
		}
	case *ast.GenDecl:
		var names []string
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.TypeSpec:
				names = append(names, s.Name.Name)
			case *ast.ValueSpec:
				for _, name := range s.Names {
					names = append(names, name.Name)
				}
			}
		}
		return names
	}
	return nil
}

func TestReadmesBeginWithACopyableExample(t *testing.T) {
	for _, spec := range specs {
		t.Run(spec.Name(), func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join(root, "actions", spec.Name(), "README.md"))
			if err != nil {
				t.Fatal(err)
			}
			example := "uses: org/shipkit/" + spec.Name() + "@v1"
			before, _, found := strings.Cut(string(text), "<!-- inputs:begin -->")
			if !found || !strings.Contains(before, example) {
				t.Errorf("no %q before the table of inputs", example)
			}
		})
	}
}
