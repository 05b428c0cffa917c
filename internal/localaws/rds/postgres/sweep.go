package postgres

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// abandoned is how old a folder is before it may be swept: another machine or
// container may share the temporary folder, where our process IDs mean
// nothing.
const abandoned = time.Hour

// ownFolder makes a folder that names the process it belongs to.
func ownFolder() (string, error) {
	sweep(os.TempDir(), time.Now())
	dir, err := os.MkdirTemp("", fmt.Sprintf("shipkit-pg-%d-", os.Getpid()))
	if err != nil {
		return "", fmt.Errorf("make the folder for databases: %w", err)
	}
	return dir, nil
}

// sweep removes the folders of processes that were killed before they could.
// What cannot be removed is left for the next time.
func sweep(parent string, now time.Time) {
	folders, err := filepath.Glob(filepath.Join(parent, "shipkit-pg-*"))
	if err != nil {
		return
	}
	for _, folder := range folders {
		name := strings.TrimPrefix(filepath.Base(folder), "shipkit-pg-")
		text, _, _ := strings.Cut(name, "-")
		pid, err := strconv.Atoi(text)
		info, statErr := os.Stat(folder)
		if err != nil || statErr != nil || now.Sub(info.ModTime()) < abandoned || alive(pid) {
			continue
		}
		_ = os.RemoveAll(folder)
	}
}

func alive(pid int) bool { return syscall.Kill(pid, 0) != syscall.ESRCH } //nolint:errorlint // an errno as it is
