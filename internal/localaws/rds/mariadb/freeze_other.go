//go:build !linux

package mariadb

import (
	"fmt"
	"syscall"
)

// freeze stops all threads of a process. Outside of Linux nothing tells when
// they stand still.
func freeze(pid int) error {
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		return fmt.Errorf("stop process %d: %w", pid, err)
	}
	return nil
}
