// Command gen writes what is generated: the tables of the READMEs and the
// release tree.
//
//	gen tables                             the README tables, from action.yml
//	gen release-tree -version v1.2.3       dist/tree and dist/assets
package main

//go:generate go run . tables

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/org/shipkit/internal/release"
)

func main() {
	if err := run(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	root, err := moduleRoot(ctx)
	if err != nil {
		return err
	}
	if len(args) == 0 {
		return errors.New("say what: tables or release-tree")
	}
	switch args[0] {
	case "tables":
		return writeTables(root)
	case "release-tree":
		return releaseTree(ctx, root, args[1:])
	default:
		return fmt.Errorf("%q is neither tables nor release-tree", args[0])
	}
}

func releaseTree(ctx context.Context, root string, args []string) error {
	flags := flag.NewFlagSet("release-tree", flag.ContinueOnError)
	out := flags.String("out", filepath.Join(root, "dist"), "folder that takes tree/ and assets/")
	version := flags.String("version", "v0.0.0-development", "version of the release")
	commit := flags.String("commit", "unknown", "commit of the sources")
	if err := flags.Parse(args); err != nil {
		return fmt.Errorf("read flags: %w", err)
	}
	tree := filepath.Join(*out, "tree")
	err := release.Build(ctx, release.Options{
		Root: root, Out: tree, AssetsOut: filepath.Join(*out, "assets"),
		Version: *version, Commit: *commit, Bundled: release.Bundled, Assets: release.Assets,
	})
	if err != nil {
		return fmt.Errorf("release tree: %w", err)
	}
	fmt.Println(tree)
	return nil
}

// moduleRoot finds the folder of go.mod, from wherever gen runs in it.
func moduleRoot(ctx context.Context) (string, error) {
	mod, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("find go.mod: %w", err)
	}
	return filepath.Dir(strings.TrimSpace(string(mod))), nil
}
