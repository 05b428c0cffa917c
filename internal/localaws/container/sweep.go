package container

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/moby/moby/client"
)

// owner marks the containers of one process, so that those of a process that was killed can be found and removed.
const owner = label + ".owner"

// identity identifies a process on this machine across all time: PID namespace, PID, time of its start since boot. Empty
// where there is no /proc.
func identity(pid int) string {
	namespace, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		return ""
	}
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return ""
	}
	// Field 22 of proc_pid_stat(5); the second field is in parentheses and may hold anything.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	if len(fields) < 20 {
		return ""
	}
	return fmt.Sprintf("%s/%d/%s", namespace, pid, fields[19])
}

// dead reports whether the process with this identity ran here and is gone. Of a process in another PID namespace, which
// may share the Docker engine, nothing can be said.
func dead(id string) bool {
	namespace, rest, ok := strings.Cut(id, "/")
	own, err := os.Readlink("/proc/self/ns/pid")
	if !ok || err != nil || namespace != own {
		return false
	}
	pid, _, _ := strings.Cut(rest, "/")
	n, err := strconv.Atoi(pid)
	return err == nil && identity(n) != id
}

// sweep removes the containers that killed processes left.
func (d *Docker) sweep(ctx context.Context) error {
	list, err := d.client.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: client.Filters{}.Add("label", owner)})
	if err != nil {
		return fmt.Errorf("look for containers that are left: %w", err)
	}
	var errs []error
	for _, c := range list.Items {
		if dead(c.Labels[owner]) {
			errs = append(errs, d.remove(ctx, c.ID))
		}
	}
	return errors.Join(errs...)
}
