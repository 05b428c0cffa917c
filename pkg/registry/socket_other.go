//go:build !linux

package registry

import (
	"syscall"
	"time"
)

// socketOptions has nothing to set outside of Linux: write deadlines and
// keep-alive find a stall there, a little later.
func socketOptions(time.Duration) func(network, address string, c syscall.RawConn) error { return nil }
