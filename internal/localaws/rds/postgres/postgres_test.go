package postgres_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/org/shipkit/internal/localaws/rds/engine"
	"github.com/org/shipkit/internal/localaws/rds/postgres"
)

var master = engine.Master{User: "app", Password: "it's a secret", Database: "shop"}

func start(t *testing.T) *engine.Engine {
	t.Helper()
	e, err := postgres.New(engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

func query(t *testing.T, s *engine.Server, sql string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), fmt.Sprintf("host=%s port=%d user=%s password='%s' dbname=%s sslmode=disable",
		s.Address(), s.Port(), master.User, strings.ReplaceAll(master.Password, "'", `\'`), master.Database))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	rows, err := conn.Query(t.Context(), sql)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (string, error) {
		values, err := r.Values()
		return fmt.Sprint(values...), err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(lines, "\n")
}

func TestSnapshotHoldsTheDataOfItsMoment(t *testing.T) {
	e := start(t)
	source, err := e.Create(t.Context(), "source", master)
	if err != nil {
		t.Fatal(err)
	}
	query(t, source, "create table orders as select n from generate_series(1, 1000) n")
	archive := filepath.Join(t.TempDir(), "snapshot.tar")
	if err := source.Snapshot(t.Context(), archive); err != nil {
		t.Fatal(err)
	}
	query(t, source, "delete from orders")

	restored, err := e.Restore(t.Context(), "restored", archive, engine.Master{})
	if err != nil {
		t.Fatal(err)
	}
	if got := query(t, restored, "select count(*) from orders"); got != "1000" {
		t.Errorf("restored rows: got %s, want 1000", got)
	}
	if got := query(t, source, "select count(*) from orders"); got != "0" {
		t.Errorf("source rows: got %s, want 0", got)
	}
}

func TestStopKeepsDataAndPort(t *testing.T) {
	e := start(t)
	s, err := e.Create(t.Context(), "db", master)
	if err != nil {
		t.Fatal(err)
	}
	query(t, s, "create table t as select 7 as n")
	port := s.Port()
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s.Port() != port {
		t.Errorf("port after restart: got %d, want %d", s.Port(), port)
	}
	if got := query(t, s, "select n from t"); got != "7" {
		t.Errorf("row after restart: got %s, want 7", got)
	}
}

func TestSnapshotOfAStoppedServer(t *testing.T) {
	e := start(t)
	source, err := e.Create(t.Context(), "source", master)
	if err != nil {
		t.Fatal(err)
	}
	query(t, source, "create table t as select 7 as n")
	if err := source.Stop(); err != nil {
		t.Fatal(err)
	}
	archive := filepath.Join(t.TempDir(), "snapshot.tar")
	if err := source.Snapshot(t.Context(), archive); err != nil {
		t.Fatal(err)
	}
	restored, err := e.Restore(t.Context(), "restored", archive, engine.Master{})
	if err != nil {
		t.Fatal(err)
	}
	if got := query(t, restored, "select n from t"); got != "7" {
		t.Errorf("restored row: got %s, want 7", got)
	}
}

func TestSetMasterChangesThePassword(t *testing.T) {
	e := start(t)
	s, err := e.Create(t.Context(), "db", engine.Master{User: "app", Password: "old", Database: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.SetMaster(t.Context(), master); err != nil {
		t.Fatal(err)
	}
	if got := query(t, s, "select current_user"); got != "app" {
		t.Errorf("user: got %s, want app", got)
	}
}

func TestCloseLeavesNothing(t *testing.T) {
	e, err := postgres.New(engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s, err := e.Create(t.Context(), "db", master)
	if err != nil {
		t.Fatal(err)
	}
	dir := s.Dir()
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("data folder after Close: %v", err)
	}
	if conn, err := pgx.Connect(t.Context(), fmt.Sprintf("host=%s port=%d user=app", s.Address(), s.Port())); err == nil {
		_ = conn.Close(t.Context())
		t.Error("server still answers after Close")
	}
}

// As root, servers run as another user, who needs a way to the data.
func TestFolderOutOfReach(t *testing.T) {
	if os.Geteuid() != 0 {
		return // our own folders are always in reach
	}
	closed := t.TempDir()
	if err := os.Chmod(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := postgres.New(engine.Options{Dir: filepath.Join(closed, "databases")})
	if err == nil || !strings.Contains(err.Error(), "chmod o+x "+closed) {
		t.Errorf("got %v", err)
	}
}

func TestFolderWithALongPath(t *testing.T) {
	_, err := postgres.New(engine.Options{Dir: filepath.Join(t.TempDir(), strings.Repeat("x", 80))})
	if err == nil || !strings.Contains(err.Error(), "choose a shorter one") {
		t.Errorf("got %v", err)
	}
}

func TestRestoreOfAMissingArchive(t *testing.T) {
	e := start(t)
	if _, err := e.Restore(t.Context(), "db", "/nowhere/snapshot.tar", master); err == nil {
		t.Error("no error")
	}
}

func BenchmarkCreate(b *testing.B) {
	e, err := postgres.New(engine.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = e.Close() }()
	n := 0
	for b.Loop() {
		n++
		s, err := e.Create(b.Context(), fmt.Sprintf("db%d", n), master)
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Remove(); err != nil {
			b.Fatal(err)
		}
	}
}
