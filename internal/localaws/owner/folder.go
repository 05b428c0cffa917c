package owner

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
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

// InUseError reports a folder that belongs to a running process.
type InUseError struct {
	Dir string
	PID string
}

func (e *InUseError) Error() string {
	return fmt.Sprintf("the folder %s is in use by process %s", e.Dir, e.PID)
}

// Claim makes a folder, which may be there, this process's until release. It fails with an InUseError if a running process
// of this machine has it.
func Claim(dir string) (release func() error, err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make the folder: %w", err)
	}
	file := filepath.Join(dir, note)
	if id, err := os.ReadFile(file); err == nil && alive(string(id)) {
		return nil, &InUseError{Dir: dir, PID: strings.Split(string(id), "/")[1]}
	}
	if err := os.WriteFile(file, []byte(Self()), 0o600); err != nil {
		return nil, fmt.Errorf("claim the folder %s: %w", dir, err)
	}
	return func() error { return os.Remove(file) }, nil //nolint:wrapcheck // names the file
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
