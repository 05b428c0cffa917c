package rds

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/org/shipkit/internal/localaws/rds/postgres"
)

// database is the server behind an instance or a cluster. Its zero value is
// a database whose server does not run yet, or never will (Options.NoData).
type database struct {
	server *postgres.Server
	// Folder names the data; it survives a restart of the program.
	Folder   string
	Password string
	// SecretARN is the managed password's, or empty.
	SecretARN string
}

// open starts a server: a fresh one, or one with the data of an archive.
func (s *Service) open(ctx context.Context, folder, archive string, m postgres.Master) (*postgres.Server, error) {
	engine, err := s.postgres()
	if err != nil || engine == nil {
		return nil, err
	}
	if archive == "" {
		return engine.Create(ctx, folder, m)
	}
	return engine.Restore(ctx, folder, archive, m)
}

// nextName returns a name that no data folder or archive has. The lock is
// held.
func (s *Service) nextName(kind string) string {
	s.serial++
	return fmt.Sprintf("%s%d", kind, s.serial)
}

// archive copies a server's data into a new file, whose path it returns;
// empty without data.
func (s *Service) archive(ctx context.Context, server *postgres.Server) (string, error) {
	if server == nil {
		return "", nil
	}
	s.mu.Lock()
	file := filepath.Join(s.snapshotDir(), s.nextName("s")+".tar")
	s.mu.Unlock()
	return file, server.Snapshot(ctx, file)
}

// link returns a second name for an archive, so that a copy or a restore
// survives the deletion of its source. The lock is held.
func (s *Service) link(archive string) (string, error) {
	if archive == "" {
		return "", nil
	}
	file := filepath.Join(s.snapshotDir(), s.nextName("s")+".tar")
	if err := os.Link(archive, file); err != nil {
		return "", fmt.Errorf("copy a snapshot's data: %w", err)
	}
	return file, nil
}

// port returns where the server listens; def without data.
func (d database) port(def int32) *int32 {
	if d.server == nil {
		return &def
	}
	return new(int32(d.server.Port()))
}

func (d database) stop() error {
	if d.server == nil {
		return nil
	}
	return d.server.Stop()
}

func (d database) start(ctx context.Context) error {
	if d.server == nil {
		return nil
	}
	return d.server.Start(ctx)
}

func (d database) remove() error {
	if d.server == nil {
		return nil
	}
	return d.server.Remove()
}

func (d database) setMaster(ctx context.Context, user, password string) error {
	if d.server == nil {
		return nil
	}
	return d.server.SetMaster(ctx, postgres.Master{User: user, Password: password})
}
