package engine

import "syscall"

// processAttributes puts a program in its own process group, so that Ctrl-C
// in a terminal reaches us alone, and lets it shut down when we die.
func processAttributes(owner *syscall.Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: owner, Setpgid: true, Pdeathsig: syscall.SIGQUIT}
}
