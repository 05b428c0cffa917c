// Package postgres runs PostgreSQL servers on this machine: it creates a
// server with a fresh data folder, copies a running server's data into an
// archive, and starts a new server from such an archive.
//
// Durability is off (no fsync): a server lives as long as the test or the
// demo that uses it. PostgreSQL refuses to run as root; then the servers run
// as the operating system's user "postgres".
package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"sort"
	"strconv"
	"sync"
	"syscall"

	"github.com/org/shipkit/internal/localaws/owner"
)

// admin is the superuser of every server, as RDS has one that nobody else may
// use. It is let in without a password, through the Unix socket only.
const admin = "rdsadmin"

// longestDir leaves room for "/<server>/.s.PGSQL.<port>" in the 107 characters
// of a Unix socket's address.
const longestDir = 80

// Options says where servers run.
type Options struct {
	// Dir holds the data folders. Empty makes a folder under the system's
	// temporary one, which Close removes.
	Dir string
	// Address is the IP address that servers listen on; empty is 127.0.0.1.
	// Containers reach a server on the address of their bridge, not on
	// loopback.
	Address string
}

// Engine starts servers. It is safe for use by several goroutines.
type Engine struct {
	bin     string // folder of initdb, postgres and pg_basebackup
	owner   *syscall.Credential
	dir     string
	made    bool // dir is ours to remove
	address string

	mu      sync.Mutex
	servers map[*Server]bool
}

// ErrMissing reports that this machine has no PostgreSQL server.
var ErrMissing = errors.New("no PostgreSQL server is installed: install it (Debian and Ubuntu: apt-get install postgresql)")

// New finds PostgreSQL on this machine and prepares the folder for data. It
// starts no server.
func New(o Options) (*Engine, error) {
	bin, err := findBinaries()
	if err != nil {
		return nil, err
	}
	account, err := findOwner()
	if err != nil {
		return nil, err
	}
	e := &Engine{bin: bin, owner: account, dir: o.Dir, address: o.Address, servers: map[*Server]bool{}}
	if e.address == "" {
		e.address = "127.0.0.1"
	}
	if e.dir == "" {
		if e.dir, err = owner.Folder("shipkit-pg-"); err != nil {
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
			"PostgreSQL's sockets: choose a shorter one", e.dir, longestDir)
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
			return fmt.Errorf("the user postgres cannot enter %s, which holds the databases: "+
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

// Installed reports what this machine lacks to run servers; nil is nothing.
func Installed() error {
	if _, err := findBinaries(); err != nil {
		return err
	}
	_, err := findOwner()
	return err
}

// Folder is the environment variable that names the folder of PostgreSQL's
// programs, where it lies at no usual place.
const Folder = "SHIPKIT_LOCAL_POSTGRES"

// findBinaries returns the folder of the newest installed server.
func findBinaries() (string, error) {
	if folder := os.Getenv(Folder); folder != "" {
		if hasPrograms(folder) {
			return folder, nil
		}
		return "", fmt.Errorf("%s=%s: %w", Folder, folder, ErrMissing)
	}
	var folders []string
	for _, pattern := range []string{"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql@*/bin"} {
		matches, err := filepath.Glob(pattern)
		if err != nil {
			return "", fmt.Errorf("look for PostgreSQL: %w", err)
		}
		sort.Sort(sort.Reverse(sort.StringSlice(matches)))
		folders = append(folders, matches...)
	}
	for _, folder := range append(folders, filepath.SplitList(os.Getenv("PATH"))...) {
		if hasPrograms(folder) {
			return folder, nil
		}
	}
	return "", ErrMissing
}

// hasPrograms tells whether a folder has all programs that we run.
func hasPrograms(folder string) bool {
	for _, name := range []string{"initdb", "postgres", "pg_basebackup"} {
		if _, err := exec.LookPath(filepath.Join(folder, name)); err != nil {
			return false
		}
	}
	return true
}

// findOwner returns the identity under which servers run: nil is our own.
func findOwner() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("PostgreSQL does not run as root and this machine has no user postgres: "+
			"create it (useradd --system postgres) or run as another user: %w", err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("user postgres: %w", err)
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("user postgres: %w", err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

// own hands a file or folder to the user under which servers run.
func (e *Engine) own(path string) error {
	if e.owner == nil {
		return nil
	}
	if err := os.Lchown(path, int(e.owner.Uid), int(e.owner.Gid)); err != nil {
		return fmt.Errorf("hand %s to the user postgres: %w", path, err)
	}
	return nil
}

// command prepares one of PostgreSQL's programs. It ends when this process
// ends, however that happens.
func (e *Engine) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(e.bin, name), args...)
	cmd.Dir = e.dir
	cmd.Env = []string{"LC_ALL=C", "TZ=UTC", "PATH=" + e.bin + ":/usr/bin:/bin"}
	cmd.SysProcAttr = processAttributes(e.owner)
	return cmd
}

// freePort returns a port that nobody listens on at this moment.
func (e *Engine) freePort(ctx context.Context) (int, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", net.JoinHostPort(e.address, "0"))
	if err != nil {
		return 0, fmt.Errorf("find a free port on %s: %w", e.address, err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		return 0, fmt.Errorf("find a free port on %s: %w", e.address, err)
	}
	return port, nil
}
