// Package engine runs database servers on this machine: it creates a server
// with a fresh data folder, copies a running server's data into an archive, and
// starts a new server from such an archive. What the servers are, a Program
// says.
//
// A server lives as long as the test or the demo that uses it. No server wants
// to run as root; then it runs as another user of the operating system.
package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"

	"github.com/org/shipkit/internal/localaws/owner"
)

// Admin is the superuser of every server, as RDS has one that nobody else may
// use. It is let in without a password, through the Unix socket only.
const Admin = "rdsadmin"

// longestDir leaves room for "/<server>/<socket>" in the 107 characters of a
// Unix socket's address.
const longestDir = 80

// Program is a kind of database server.
type Program interface {
	// Name is what people call it.
	Name() string
	// Initialise fills an empty folder with the files of a server that has no
	// databases and admits the Admin.
	Initialise(ctx context.Context, e *Engine, dir string) error
	// Serve prepares the server's process.
	Serve(ctx context.Context, e *Engine, at Place) *exec.Cmd
	// SetMaster creates the master user or changes its password, and creates
	// its database if it is not there. It succeeds once the server answers,
	// which is all that it does about a Master without a user.
	SetMaster(ctx context.Context, at Place, m Master) error
	// Backup writes the files of a running server in the state of one moment,
	// as a tar archive.
	Backup(ctx context.Context, e *Engine, at Place, w io.Writer) error
}

// Place is where a server is.
type Place struct {
	Dir     string // data folder
	Address string // IP address
	Port    int
	Process *os.Process // nil of a server that does not run
}

// Options says where servers run.
type Options struct {
	// Dir holds the data folders. Empty makes a folder under the system's
	// temporary one, which Close removes.
	Dir string
	// Address is the IP address that servers listen on; empty is 127.0.0.1.
	// Containers reach a server on the address of their bridge, not on
	// loopback.
	Address string
	// Users are the operating system's users of whom the first that is there
	// runs the servers if we are root.
	Users []string
	// Stop are the signals that end a server, the gentlest first.
	Stop []os.Signal
}

// Engine starts servers. It is safe for use by several goroutines.
type Engine struct {
	program Program
	options Options
	owner   *syscall.Credential
	dir     string
	made    bool // dir is ours to remove

	mu      sync.Mutex
	servers map[*Server]bool
}

// New prepares the folder for data. It starts no server.
func New(program Program, o Options) (*Engine, error) {
	account, err := findOwner(o.Users)
	if err != nil {
		return nil, fmt.Errorf("%s does not run as root: %w", program.Name(), err)
	}
	if o.Address == "" {
		o.Address = "127.0.0.1"
	}
	e := &Engine{program: program, options: o, owner: account, dir: o.Dir, servers: map[*Server]bool{}}
	if e.dir == "" {
		if e.dir, err = owner.Folder("shipkit-db-"); err != nil {
			return nil, fmt.Errorf("make the folder for databases: %w", err)
		}
		e.made = true
	} else if e.dir, err = filepath.Abs(e.dir); err != nil {
		return nil, fmt.Errorf("make the folder for databases: %w", err)
	}
	if err := os.MkdirAll(e.dir, 0o755); err != nil {
		return nil, fmt.Errorf("make the folder for databases: %w", err)
	}
	if len(e.dir) > longestDir {
		return nil, fmt.Errorf("the folder for databases, %s, has a longer path than the %d characters that leave room for "+
			"the servers' sockets: choose a shorter one", e.dir, longestDir)
	}
	if err := errors.Join(e.own(e.dir), e.reachable()); err != nil {
		return nil, err
	}
	return e, nil
}

// reachable checks that the user under which servers run may enter the
// folders above the data.
func (e *Engine) reachable() error {
	if e.owner == nil {
		return nil
	}
	for dir := filepath.Dir(e.dir); dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil {
			return fmt.Errorf("look at the folder for databases: %w", err)
		}
		if info.Mode().Perm()&0o001 == 0 {
			return fmt.Errorf("the user of the databases cannot enter %s, which holds the databases: "+
				"choose another folder, or allow it (chmod o+x %s)", dir, dir)
		}
	}
	return nil
}

// Dir returns the folder that holds the data folders.
func (e *Engine) Dir() string { return e.dir }

// Close stops every server. A folder that New made is removed; a folder that
// was given stays.
func (e *Engine) Close() error {
	e.mu.Lock()
	var running []*Server
	for s := range e.servers {
		running = append(running, s)
	}
	e.mu.Unlock()
	var errs []error
	for _, s := range running {
		errs = append(errs, s.Stop())
	}
	if e.made {
		errs = append(errs, os.RemoveAll(e.dir))
	}
	return errors.Join(errs...)
}

// findOwner returns the identity under which servers run: nil is our own.
func findOwner(names []string) (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	var missing []error
	for _, name := range names {
		u, err := user.Lookup(name)
		if err != nil {
			missing = append(missing, err)
			continue
		}
		uid, err := strconv.ParseUint(u.Uid, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("user %s: %w", name, err)
		}
		gid, err := strconv.ParseUint(u.Gid, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("user %s: %w", name, err)
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, fmt.Errorf("create a user for it (useradd --system %s), or run as another user than root: %w",
		names[0], errors.Join(missing...))
}

// own hands a file or folder to the user under which servers run.
func (e *Engine) own(path string) error {
	if e.owner == nil {
		return nil
	}
	if err := os.Lchown(path, int(e.owner.Uid), int(e.owner.Gid)); err != nil {
		return fmt.Errorf("hand %s to the user of the databases: %w", path, err)
	}
	return nil
}

// Command prepares a program that runs as the servers do. It ends when this
// process ends, however that happens.
func (e *Engine) Command(ctx context.Context, file string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, file, args...)
	cmd.Dir = e.dir
	cmd.Env = []string{"LC_ALL=C", "TZ=UTC", "PATH=" + filepath.Dir(file) + ":/usr/bin:/bin"}
	cmd.SysProcAttr = processAttributes(e.owner)
	return cmd
}

// freePort returns a port that nobody listens on at this moment.
func (e *Engine) freePort(ctx context.Context) (int, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", net.JoinHostPort(e.options.Address, "0"))
	if err != nil {
		return 0, fmt.Errorf("find a free port on %s: %w", e.options.Address, err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		return 0, fmt.Errorf("find a free port on %s: %w", e.options.Address, err)
	}
	return port, nil
}
