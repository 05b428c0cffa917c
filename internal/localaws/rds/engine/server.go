package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// startLimit bounds how long a server may take to accept connections.
const startLimit = 60 * time.Second

// Master is the user that owns a server's data, as RDS's master user does.
type Master struct {
	User     string
	Password string
	// Database is created if it is not there; empty creates none.
	Database string
}

// Server is one database server, running or stopped. Its methods are safe
// for use by several goroutines.
type Server struct {
	engine *Engine
	name   string

	mu     sync.Mutex
	port   int
	cmd    *exec.Cmd
	exited chan struct{}
	output *tail
}

// Create starts a server with an empty database. Name must be unique among
// the engine's servers; it names the data folder.
func (e *Engine) Create(ctx context.Context, name string, m Master) (*Server, error) {
	archive, err := e.fresh(ctx)
	if err != nil {
		return nil, err
	}
	return e.create(ctx, name, archive, m)
}

// Restore starts a server with the data of an archive that Server.Snapshot
// wrote. A Master without a user leaves users and passwords as they were.
func (e *Engine) Restore(ctx context.Context, name, archive string, m Master) (*Server, error) {
	f, err := os.Open(archive)
	if err != nil {
		return nil, fmt.Errorf("restore database %s: %w", name, err)
	}
	defer func() { _ = f.Close() }()
	return e.create(ctx, name, f, m)
}

// Open returns the server of a data folder that an earlier engine of the same
// Dir left, stopped.
func (e *Engine) Open(name string, port int) (*Server, error) {
	if _, err := os.Stat(filepath.Join(e.dir, name)); err != nil {
		return nil, fmt.Errorf("open database %s: %w", name, err)
	}
	return &Server{engine: e, name: name, port: port}, nil
}

func (e *Engine) create(ctx context.Context, name string, archive io.Reader, m Master) (*Server, error) {
	s := &Server{engine: e, name: name}
	if err := e.unpack(archive, s.Dir()); err != nil {
		return nil, errors.Join(err, os.RemoveAll(s.Dir()))
	}
	err := s.Start(ctx)
	if err == nil {
		err = s.SetMaster(ctx, m)
	}
	if err != nil {
		return nil, errors.Join(err, s.Remove())
	}
	return s, nil
}

// Dir returns the data folder.
func (s *Server) Dir() string { return filepath.Join(s.engine.dir, s.name) }

// Address returns the IP address that the server listens on.
func (s *Server) Address() string { return s.engine.options.Address }

// place says where the server is. The lock is held.
func (s *Server) place() Place {
	at := Place{Dir: s.Dir(), Address: s.Address(), Port: s.port}
	if s.cmd != nil {
		at.Process = s.cmd.Process
	}
	return at
}

// Port returns the port of the latest start; a restart keeps it if it can.
func (s *Server) Port() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.port
}

// Start starts the server and returns when it accepts connections. Starting a
// server that runs does nothing.
func (s *Server) Start(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd != nil {
		return nil
	}
	var err error
	for range 5 { // another program may take the port between our look and the start
		if s.port == 0 {
			if s.port, err = s.engine.freePort(ctx); err != nil {
				return err
			}
		}
		if err = s.launch(ctx); err == nil || ctx.Err() != nil {
			return err
		}
		s.port = 0
	}
	return err
}

// launch makes one attempt on s.port.
func (s *Server) launch(ctx context.Context) error {
	// The server outlives the call that starts it, so not under ctx.
	cmd := s.engine.program.Serve(context.WithoutCancel(ctx), s.engine, s.place())
	output := &tail{}
	cmd.Stdout, cmd.Stderr = output, output
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start database %s: %w", s.name, err)
	}
	exited := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(exited)
	}()
	s.cmd, s.exited, s.output = cmd, exited, output
	s.engine.mu.Lock()
	s.engine.servers[s] = true
	s.engine.mu.Unlock()
	if err := s.await(ctx); err != nil {
		s.halt()
		return err
	}
	return nil
}

// await returns when the server accepts connections.
func (s *Server) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	for {
		err := s.engine.program.SetMaster(ctx, s.place(), Master{})
		if err == nil {
			return nil
		}
		select {
		case <-s.exited:
			return fmt.Errorf("start database %s: %s ended: %s", s.name, s.engine.program.Name(), s.output)
		case <-ctx.Done():
			return fmt.Errorf("start database %s: %w: %w: %s", s.name, context.Cause(ctx), err, s.output)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// Stop shuts the server down and keeps its data. Stopping a stopped server
// does nothing.
func (s *Server) Stop() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.halt()
	return nil
}

// halt ends the process, gently first.
func (s *Server) halt() {
	if s.cmd == nil {
		return
	}
	for _, signal := range append(slices.Clip(s.engine.options.Stop), os.Kill) {
		_ = s.cmd.Process.Signal(signal) // an error means that it has ended
		select {
		case <-s.exited:
		case <-time.After(10 * time.Second):
			continue
		}
		break
	}
	<-s.exited
	s.cmd = nil
	s.engine.mu.Lock()
	delete(s.engine.servers, s)
	s.engine.mu.Unlock()
}

// SetMaster creates the master user or changes its password, and creates its
// database if it is not there. A Master without a user changes nothing.
func (s *Server) SetMaster(ctx context.Context, m Master) error {
	s.mu.Lock()
	at := s.place()
	s.mu.Unlock()
	if err := s.engine.program.SetMaster(ctx, at, m); err != nil {
		return fmt.Errorf("set the master user of database %s: %w", s.name, err)
	}
	return nil
}

// Snapshot writes a consistent copy of the server's data to a file, as an
// archive for Engine.Restore. Clients go on reading and writing; a stopped
// server's data is copied too.
func (s *Server) Snapshot(ctx context.Context, file string) error {
	s.mu.Lock()
	at := s.place()
	s.mu.Unlock()
	f, err := os.OpenFile(file, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("snapshot database %s: %w", s.name, err)
	}
	if at.Process != nil {
		err = s.engine.program.Backup(ctx, s.engine, at, f)
	} else {
		err = Archive(f, s.Dir())
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("snapshot database %s: %w", s.name, errors.Join(err, os.Remove(file)))
	}
	return nil
}

// Remove stops the server and deletes its data.
func (s *Server) Remove() error {
	if err := s.Stop(); err != nil {
		return err
	}
	if err := os.RemoveAll(s.Dir()); err != nil {
		return fmt.Errorf("remove database %s: %w", s.name, err)
	}
	return nil
}

// tail keeps the last lines that a program printed.
type tail struct {
	mu    sync.Mutex
	bytes []byte
}

// Write implements io.Writer.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.bytes = append(t.bytes, p...)
	if over := len(t.bytes) - 4096; over > 0 {
		t.bytes = t.bytes[over:]
	}
	return len(p), nil
}

// String returns what is kept.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(bytes.TrimSpace(t.bytes))
}
