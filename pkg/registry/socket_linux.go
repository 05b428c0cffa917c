package registry

import (
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// unsentLimit bounds the bytes that wait in the kernel, not yet on the wire.
// What is counted as sent is then close to what was sent.
const unsentLimit = 64 * kib

// socketOptions keeps the kernel's queue short and makes it give a connection
// up when the other side acknowledges nothing for stall. See tcp(7).
func socketOptions(stall time.Duration) func(network, address string, c syscall.RawConn) error {
	return func(_, _ string, c syscall.RawConn) error {
		// Both are improvements that old kernels lack: an error changes nothing.
		return c.Control(func(fd uintptr) {
			_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, unsentLimit)
			_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(stall.Milliseconds()))
		})
	}
}
