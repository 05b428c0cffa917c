package rds

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/org/shipkit/internal/localaws/rds/engine"
	"github.com/org/shipkit/internal/localaws/rds/mariadb"
	"github.com/org/shipkit/internal/localaws/rds/postgres"
)

// database is the server behind an instance or a cluster. Its zero value is
// a database whose server does not run yet, or never will (Options.NoData).
type database struct {
	server *engine.Server
	// Folder names the data; it survives a restart of the program.
	Folder   string
	Password string
	// SecretARN is the managed password's, or empty.
	SecretARN string
}

// servers runs the servers of one family of engines.
type servers struct {
	sync.Once
	engine *engine.Engine // nil before the first server, and if there can be none
	err    error
}

// isMySQL tells the two families of engines apart.
func isMySQL(name *string) bool {
	return strings.Contains(aws.ToString(name), "mysql") || aws.ToString(name) == "mariadb"
}

// serversOf returns what runs the servers of an engine of RDS, which the first
// call prepares; nil without data, and for MySQL where no MariaDB is installed.
func (s *Service) serversOf(name *string) (*engine.Engine, error) {
	if s.options.NoData {
		return nil, nil
	}
	list, prepare, o := &s.postgreSQL, postgres.New, engine.Options{Dir: s.options.Dir, Address: s.options.Address}
	if isMySQL(name) {
		list, prepare = &s.mariaDB, mariadb.New
		if o.Dir != "" {
			o.Dir = filepath.Join(o.Dir, "mysql") // each family runs as a user of its own
		}
	}
	list.Do(func() {
		list.engine, list.err = prepare(o)
		if list.err == nil {
			list.err = os.MkdirAll(snapshotDir(list.engine.Dir()), 0o700)
		}
	})
	if errors.Is(list.err, mariadb.ErrMissing) {
		return nil, nil
	}
	return list.engine, list.err
}

func snapshotDir(dir string) string { return filepath.Join(dir, "snapshots") }

// open starts a server of an engine of RDS: a fresh one, or one with the data
// of an archive.
func (s *Service) open(ctx context.Context, name *string, folder, archive string, m engine.Master) (*engine.Server, error) {
	run, err := s.serversOf(name)
	if err != nil || run == nil {
		return nil, err
	}
	if archive == "" {
		return run.Create(ctx, folder, m)
	}
	return run.Restore(ctx, folder, archive, m)
}

// nextName returns a name that no data folder or archive has. The lock is
// held.
func (s *Service) nextName(kind string) string {
	s.serial++
	return fmt.Sprintf("%s%d", kind, s.serial)
}

// archive copies a server's data into a new file, whose path it returns;
// empty without data.
func (s *Service) archive(ctx context.Context, server *engine.Server) (string, error) {
	if server == nil {
		return "", nil
	}
	s.mu.Lock()
	file := filepath.Join(snapshotDir(filepath.Dir(server.Dir())), s.nextName("s")+".tar")
	s.mu.Unlock()
	return file, server.Snapshot(ctx, file)
}

// link returns a second name for an archive, so that a copy or a restore
// survives the deletion of its source. The lock is held.
func (s *Service) link(archive string) (string, error) {
	if archive == "" {
		return "", nil
	}
	file := filepath.Join(filepath.Dir(archive), s.nextName("s")+".tar")
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
	return d.server.SetMaster(ctx, engine.Master{User: user, Password: password})
}
