package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/jackc/pgx/v5"
)

// socket returns the administrator's connection string for a database.
func (s *Server) socket(database string) string {
	return fmt.Sprintf("host=%s port=%d user=%s dbname=%s sslmode=disable", s.Dir(), s.port, admin, database)
}

// SetMaster creates the master user or changes its password, and creates its
// database if it is not there. A Master without a user changes nothing.
func (s *Server) SetMaster(ctx context.Context, m Master) error {
	if m.User == "" {
		return nil
	}
	s.mu.Lock()
	conn, err := pgx.Connect(ctx, s.socket("postgres"))
	s.mu.Unlock()
	if err != nil {
		return fmt.Errorf("set the master user of database %s: %w", s.name, err)
	}
	err = setMaster(ctx, conn, m)
	if err = errors.Join(err, closeConn(ctx, conn)); err != nil {
		return fmt.Errorf("set the master user of database %s: %w", s.name, err)
	}
	return nil
}

func setMaster(ctx context.Context, conn *pgx.Conn, m Master) error {
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

// Snapshot writes a consistent copy of the server's data to a file, as an
// archive for Engine.Restore. Clients go on reading and writing; a stopped
// server's data is copied too.
func (s *Server) Snapshot(ctx context.Context, file string) error {
	s.mu.Lock()
	port, running := s.port, s.cmd != nil
	s.mu.Unlock()
	f, err := os.OpenFile(file, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("snapshot database %s: %w", s.name, err)
	}
	if running {
		err = s.baseBackup(ctx, f, port)
	} else {
		err = archiveFolder(f, s.Dir())
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("snapshot database %s: %w", s.name, errors.Join(err, os.Remove(file)))
	}
	return nil
}

// baseBackup copies the data of the running server.
func (s *Server) baseBackup(ctx context.Context, w io.Writer, port int) error {
	var said bytes.Buffer
	cmd := s.engine.command(ctx, "pg_basebackup", "-h", s.Dir(), "-p", strconv.Itoa(port), "-U", admin, "-D", "-",
		"--format=tar", "--wal-method=fetch", "--checkpoint=fast", "--no-sync", "--no-manifest", "--no-password")
	cmd.Stdout, cmd.Stderr = w, &said
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("pg_basebackup: %w: %s", err, bytes.TrimSpace(said.Bytes()))
	}
	return nil
}

func closeConn(ctx context.Context, conn *pgx.Conn) error {
	if err := conn.Close(ctx); err != nil {
		return fmt.Errorf("close the connection: %w", err)
	}
	return nil
}
