// Package mariadb is MariaDB as a program of engine.Engine: to its clients it
// is a MySQL server.
//
// Durability is off.
package mariadb

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/org/shipkit/internal/localaws/rds/engine"
	"github.com/org/shipkit/pkg/mysql"
)

// program is the server's file.
type program string

var _ engine.Program = program("")

// ErrMissing reports that this machine has no MariaDB server.
var ErrMissing = errors.New("no MariaDB server is installed: install it (Debian and Ubuntu: apt-get install mariadb-server-core)")

// New finds MariaDB on this machine and prepares the folder for data. It
// starts no server. The options' users and signals are MariaDB's.
func New(o engine.Options) (*engine.Engine, error) {
	file, err := find()
	if err != nil {
		return nil, err
	}
	o.Users, o.Stop = []string{"mysql", "nobody"}, []os.Signal{syscall.SIGTERM}
	return engine.New(program(file), o)
}

// Installed reports what this machine lacks to run servers; nil is nothing.
func Installed() error {
	_, err := find()
	return err
}

// File is the environment variable that names the program mariadbd, where it
// lies at no usual place.
const File = "SHIPKIT_LOCAL_MARIADB"

func find() (string, error) {
	if named := os.Getenv(File); named != "" {
		file, err := exec.LookPath(named)
		if err != nil {
			return "", fmt.Errorf("%s=%s: %w", File, named, ErrMissing)
		}
		return file, nil
	}
	folders := []string{"/usr/sbin", "/usr/libexec", "/usr/local/sbin", "/opt/homebrew/bin"}
	for _, folder := range append(folders, filepath.SplitList(os.Getenv("PATH"))...) {
		if file, err := exec.LookPath(filepath.Join(folder, "mariadbd")); err == nil {
			return file, nil
		}
	}
	return "", ErrMissing
}

// Name implements engine.Program.
func (program) Name() string { return "MariaDB" }

// scripts make the system tables; they lie in the folder share/mysql or
// share/mariadb beside the program's.
var scripts = []string{"mysql_system_tables.sql", "mysql_performance_tables.sql", "mysql_system_tables_data.sql"}

// Initialise implements engine.Program. It does what mariadb-install-db does,
// without the help texts that nobody reads here.
func (p program) Initialise(ctx context.Context, e *engine.Engine, dir string) error {
	if err := e.Certify(dir); err != nil {
		return err
	}
	text := "create database mysql;\nuse mysql;\nset @auth_root_socket = null;\n"
	for _, name := range scripts {
		part, err := p.share(name)
		if err != nil {
			return err
		}
		text += part
	}
	text += "flush privileges;\ncreate user " + engine.Admin + "@localhost;\n" +
		"grant all on *.* to " + engine.Admin + "@localhost with grant option;\ndrop user root@localhost;\n"
	cmd := e.Command(ctx, string(p), append(p.common(dir), "--bootstrap", "--log-warnings=0", "--enforce-storage-engine=")...)
	cmd.Stdin = strings.NewReader(text)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("mariadbd --bootstrap: %w: %s", err, bytes.TrimSpace(out))
	}
	return nil
}

func (p program) share(name string) (string, error) {
	prefix := filepath.Dir(filepath.Dir(string(p)))
	var errs []error
	for _, folder := range []string{"mysql", "mariadb"} {
		text, err := os.ReadFile(filepath.Join(prefix, "share", folder, name))
		if err == nil {
			return string(text), nil
		}
		errs = append(errs, err)
	}
	return "", fmt.Errorf("look for MariaDB's system tables: %w", errors.Join(errs...))
}

// common are the options of a server and of the making of its files.
func (program) common(dir string) []string {
	return []string{
		"--no-defaults", "--datadir=" + dir, "--innodb-log-file-size=8M", "--innodb-buffer-pool-size=16M", "--innodb-flush-method=fsync",
		"--innodb-flush-log-at-trx-commit=2", "--innodb-use-native-aio=0", "--innodb-temp-data-file-path=ibtmp1:1M:autoextend",
		"--innodb-fast-shutdown=2", "--innodb-doublewrite=0", "--performance-schema=0", "--key-buffer-size=1M", "--aria-pagecache-buffer-size=1M",
	}
}

// Serve implements engine.Program.
func (p program) Serve(ctx context.Context, e *engine.Engine, at engine.Place) *exec.Cmd {
	return e.Command(ctx, string(p), append(p.common(at.Dir),
		"--bind-address="+at.Address, "--port="+strconv.Itoa(at.Port), "--socket="+socket(at), "--pid-file="+filepath.Join(at.Dir, "pid"),
		"--skip-name-resolve", "--max-connections=60", "--thread-stack=256K", "--character-set-server=utf8mb4",
		"--ssl-cert="+filepath.Join(at.Dir, engine.Certificate), "--ssl-key="+filepath.Join(at.Dir, engine.Key))...)
}

func socket(at engine.Place) string { return filepath.Join(at.Dir, "mysql.sock") }

// privileges are those that RDS gives its master user,
// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.MasterAccounts.html.
const privileges = "select, insert, update, delete, create, drop, reload, process, references, index, alter, show databases, " +
	"create temporary tables, lock tables, execute, replication slave, replication client, create view, show view, " +
	"create routine, alter routine, create user, event, trigger"

// SetMaster implements engine.Program.
func (program) SetMaster(ctx context.Context, at engine.Place, m engine.Master) error {
	conn, err := mysql.Connect(ctx, mysql.Config{Address: socket(at), User: engine.Admin})
	if err != nil {
		return err //nolint:wrapcheck // it says to what
	}
	defer conn.Close()
	var statements []string
	if m.User != "" {
		user := text(m.User) + "@'%'"
		statements = append(statements, "create user if not exists "+user, "grant "+privileges+" on *.* to "+user+" with grant option")
		if m.Password != "" {
			statements = append(statements, "alter user "+user+" identified by "+text(m.Password))
		}
	}
	if m.Database != "" {
		statements = append(statements, "create database if not exists `"+strings.ReplaceAll(m.Database, "`", "``")+"`")
	}
	for _, statement := range statements {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return err //nolint:wrapcheck // it is the server's
		}
	}
	return nil
}

// text quotes a text.
func text(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}

// Backup implements engine.Program: the files as they are at one moment, as a
// snapshot of RDS's volume is. A server that starts from them recovers as after
// a crash.
func (program) Backup(_ context.Context, _ *engine.Engine, at engine.Place, w io.Writer) error {
	err := freeze(at.Process.Pid)
	if err == nil {
		err = engine.Archive(w, at.Dir)
	}
	return errors.Join(err, at.Process.Signal(syscall.SIGCONT))
}
