package release

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// writeSums writes SHA256SUMS over all files of the tree, in the format of
// sha256sum.
func writeSums(tree string) error {
	var lines strings.Builder
	err := filepath.WalkDir(tree, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		sum, err := sumFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(tree, path)
		if err != nil {
			return fmt.Errorf("name %s: %w", path, err)
		}
		fmt.Fprintf(&lines, "%s  %s\n", sum, filepath.ToSlash(name))
		return nil
	})
	if err != nil {
		return fmt.Errorf("walk the tree: %w", err)
	}
	return write(filepath.Join(tree, "SHA256SUMS"), []byte(lines.String()))
}

// sumFile returns the SHA-256 of a file in hexadecimal.
func sumFile(path string) (string, error) {
	file, err := os.Open(filepath.Clean(path))
	if err != nil {
		return "", fmt.Errorf("hash: %w", err)
	}
	defer file.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil {
		return "", fmt.Errorf("hash %s: %w", path, err)
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}
