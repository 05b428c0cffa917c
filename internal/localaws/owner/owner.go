// Package owner names processes across all time, so that what a killed one left on this machine (containers, folders) can
// be told from what a running one still uses.
package owner

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// ID identifies a process on this machine: PID namespace, PID, time of its start since boot. Empty for one that is gone or
// is a zombie, and where there is no /proc.
func ID(pid int) string {
	namespace, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		return ""
	}
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return ""
	}
	// Fields 3 and 22 of proc_pid_stat(5); the second field is in parentheses and may hold anything.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	if len(fields) < 20 || fields[0] == "Z" || fields[0] == "X" {
		return ""
	}
	return fmt.Sprintf("%s/%d/%s", namespace, pid, fields[19])
}

// Self is this process.
func Self() string { return ID(os.Getpid()) }

// alive reports whether the process with this identity runs here.
func alive(id string) bool {
	namespace, rest, _ := strings.Cut(id, "/")
	pid, _, _ := strings.Cut(rest, "/")
	n, err := strconv.Atoi(pid)
	own, linkErr := os.Readlink("/proc/self/ns/pid")
	return errors.Join(err, linkErr) == nil && namespace == own && ID(n) == id
}

// Dead reports whether the process with this identity ran here and is gone. Of a process in another PID namespace, which
// may share the temporary folder or the Docker engine, nothing can be said.
func Dead(id string) bool {
	namespace, rest, ok := strings.Cut(id, "/")
	own, err := os.Readlink("/proc/self/ns/pid")
	return ok && strings.Contains(rest, "/") && err == nil && namespace == own && !alive(id)
}
