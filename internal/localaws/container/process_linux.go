package container

import "syscall"

// processGroup makes a process the first of its own group. It is killed when this process ends, however that happens.
func processGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
