package owner

import (
	"fmt"
	"os"
	"path/filepath"
)

// note is the file in a folder that names its owner.
const note = ".owner"

// Folder makes a temporary folder whose name begins with prefix and that belongs to this process. Those of the same prefix
// whose processes were killed before they could remove them go.
func Folder(prefix string) (string, error) {
	sweep(prefix)
	dir, err := os.MkdirTemp("", prefix)
	if err != nil {
		return "", fmt.Errorf("make a temporary folder: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, note), []byte(Self()), 0o600); err != nil {
		_ = os.RemoveAll(dir) // the first error is the one to tell
		return "", fmt.Errorf("make a temporary folder: %w", err)
	}
	return dir, nil
}

// sweep removes the folders of the dead. What cannot be removed is left for the next time.
func sweep(prefix string) {
	notes, err := filepath.Glob(filepath.Join(os.TempDir(), prefix+"*", note))
	if err != nil {
		return
	}
	for _, file := range notes {
		if id, err := os.ReadFile(file); err == nil && Dead(string(id)) {
			_ = os.RemoveAll(filepath.Dir(file))
		}
	}
}
