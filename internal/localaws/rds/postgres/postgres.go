// Package postgres is PostgreSQL as a program of engine.Engine.
//
// Durability is off (no fsync). PostgreSQL refuses to run as root; then the
// servers run as the operating system's user "postgres".
package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strconv"
	"syscall"

	"github.com/jackc/pgx/v5"

	"github.com/org/shipkit/internal/localaws/rds/engine"
)

// program is the folder of initdb, postgres and pg_basebackup.
type program string

var _ engine.Program = program("")

// ErrMissing reports that this machine has no PostgreSQL server.
var ErrMissing = errors.New("no PostgreSQL server is installed: install it (Debian and Ubuntu: apt-get install postgresql)")

// New finds PostgreSQL on this machine and prepares the folder for data. It
// starts no server. The options' users and signals are PostgreSQL's.
func New(o engine.Options) (*engine.Engine, error) {
	bin, err := findBinaries()
	if err != nil {
		return nil, err
	}
	o.Users, o.Stop = []string{"postgres"}, []os.Signal{syscall.SIGINT, syscall.SIGQUIT} // fast, then immediate
	return engine.New(program(bin), o)
}

// Name implements engine.Program.
func (program) Name() string { return "PostgreSQL" }

func (p program) file(name string) string { return filepath.Join(string(p), name) }

// hba admits the administrator and our own backups through the Unix socket,
// everybody else with a password.
const hba = `local all         ` + engine.Admin + ` trust
local replication ` + engine.Admin + ` trust
host  all         all      all scram-sha-256
`

// Initialise implements engine.Program.
func (p program) Initialise(ctx context.Context, e *engine.Engine, dir string) error {
	out, err := e.Command(ctx, p.file("initdb"), "-D", dir, "-U", engine.Admin, "-A", "trust", "-E", "UTF8", "--no-locale",
		"--no-sync", "--wal-segsize=4").CombinedOutput()
	if err != nil {
		return fmt.Errorf("initdb: %w: %s", err, bytes.TrimSpace(out))
	}
	return errors.Join(os.WriteFile(filepath.Join(dir, "pg_hba.conf"), []byte(hba), 0o600), e.Certify(dir))
}

// Serve implements engine.Program.
func (p program) Serve(ctx context.Context, e *engine.Engine, at engine.Place) *exec.Cmd {
	return e.Command(ctx, p.file("postgres"), "-D", at.Dir, "-p", strconv.Itoa(at.Port), "-h", at.Address, "-k", at.Dir,
		"-c", "fsync=off", "-c", "full_page_writes=off", "-c", "synchronous_commit=off",
		"-c", "shared_buffers=16MB", "-c", "max_connections=60", "-c", "wal_level=replica",
		"-c", "max_wal_senders=4", "-c", "max_wal_size=64MB", "-c", "min_wal_size=16MB", "-c", "jit=off",
		"-c", "password_encryption=scram-sha-256", "-c", "restart_after_crash=on",
		"-c", "ssl=on", "-c", "ssl_cert_file="+engine.Certificate, "-c", "ssl_key_file="+engine.Key)
}

// Installed reports what this machine lacks to run servers; nil is nothing.
func Installed() error {
	_, err := findBinaries()
	return err
}

// SetMaster implements engine.Program.
func (program) SetMaster(ctx context.Context, at engine.Place, m engine.Master) error {
	conn, err := pgx.Connect(ctx, fmt.Sprintf("host=%s port=%d user=%s dbname=postgres sslmode=disable", at.Dir, at.Port, engine.Admin))
	if err != nil {
		return err //nolint:wrapcheck // it says to what
	}
	if m.User != "" {
		err = setMaster(ctx, conn, m)
	}
	return errors.Join(err, conn.Close(ctx))
}

func setMaster(ctx context.Context, conn *pgx.Conn, m engine.Master) error {
	role := pgx.Identifier{m.User}.Sanitize()
	var exists bool
	if err := conn.QueryRow(ctx, "select exists (select from pg_roles where rolname = $1)",
		m.User).Scan(&exists); err != nil {
		return fmt.Errorf("look for user %s: %w", m.User, err)
	}
	verb := "create"
	if exists {
		verb = "alter"
	}
	// A role statement takes no parameters: the server quotes the password.
	var password string
	if err := conn.QueryRow(ctx, "select quote_literal($1::text)", m.Password).Scan(&password); err != nil {
		return fmt.Errorf("%s user %s: %w", verb, m.User, err)
	}
	statement := verb + " role " + role + " login createdb createrole"
	if m.Password != "" {
		statement += " password " + password
	}
	if _, err := conn.Exec(ctx, statement); err != nil {
		return fmt.Errorf("%s user %s: %w", verb, m.User, err)
	}
	if m.Database == "" {
		return nil
	}
	if err := conn.QueryRow(ctx, "select exists (select from pg_database where datname = $1)",
		m.Database).Scan(&exists); err != nil {
		return fmt.Errorf("look for database %s: %w", m.Database, err)
	}
	if exists {
		return nil
	}
	if _, err := conn.Exec(ctx, "create database "+pgx.Identifier{m.Database}.Sanitize()+" owner "+role); err != nil {
		return fmt.Errorf("create database %s: %w", m.Database, err)
	}
	return nil
}

// Backup implements engine.Program.
func (p program) Backup(ctx context.Context, e *engine.Engine, at engine.Place, w io.Writer) error {
	var said bytes.Buffer
	cmd := e.Command(ctx, p.file("pg_basebackup"), "-h", at.Dir, "-p", strconv.Itoa(at.Port), "-U", engine.Admin, "-D", "-",
		"--format=tar", "--wal-method=fetch", "--checkpoint=fast", "--no-sync", "--no-manifest", "--no-password")
	cmd.Stdout, cmd.Stderr = w, &said
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("pg_basebackup: %w: %s", err, bytes.TrimSpace(said.Bytes()))
	}
	return nil
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
