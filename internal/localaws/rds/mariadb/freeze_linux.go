package mariadb

import (
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// freeze stops all threads of a child process and returns when they stand
// still.
func freeze(pid int) error {
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		return fmt.Errorf("stop process %d: %w", pid, err)
	}
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WSTOPPED, nil)
		if err != unix.EINTR { //nolint:errorlint // an errno as it is
			return err //nolint:wrapcheck // the caller says what it is for
		}
	}
}
