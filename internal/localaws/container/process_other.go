//go:build !linux

package container

import "syscall"

// processGroup makes a process the first of its own group.
func processGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
