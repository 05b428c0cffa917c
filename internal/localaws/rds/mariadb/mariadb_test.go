package mariadb_test

import (
	"context"
	"crypto/tls"
	"net"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/org/shipkit/internal/localaws/rds/engine"
	"github.com/org/shipkit/internal/localaws/rds/mariadb"
	"github.com/org/shipkit/pkg/mysql"
)

var master = engine.Master{User: "app", Password: `it's a \secret`, Database: "shop"}

func start(t *testing.T) *engine.Engine {
	t.Helper()
	e, err := mariadb.New(engine.Options{})
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

func create(t *testing.T, e *engine.Engine, name string) *engine.Server {
	t.Helper()
	s, err := e.Create(t.Context(), name, master)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func connect(ctx context.Context, s *engine.Server) (*mysql.Conn, error) {
	return mysql.Connect(ctx, mysql.Config{
		Address: net.JoinHostPort(s.Address(), strconv.Itoa(s.Port())), User: master.User, Password: master.Password, Database: master.Database,
		TLS: &tls.Config{InsecureSkipVerify: true},
	})
}

// query returns the first value.
func query(t *testing.T, s *engine.Server, statements ...string) (value string) {
	t.Helper()
	conn, err := connect(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, statement := range statements {
		row, err := conn.Exec(t.Context(), statement)
		if err != nil {
			t.Fatal(err)
		}
		if len(row) > 0 {
			value = row[0]
		}
	}
	return value
}

// TestSnapshotHoldsTheDataOfItsMoment: taken while a client writes without
// pause, it has all that was written before and nothing by halves.
func TestSnapshotHoldsTheDataOfItsMoment(t *testing.T) {
	e := start(t)
	source := create(t, e, "source")
	query(t, source, "create table orders (n int)", "insert into orders select seq from seq_1_to_1000", "create table pairs (a int)")
	stop, stopped := make(chan struct{}), make(chan int)
	busy := make(chan struct{})
	go func() {
		conn, err := connect(context.Background(), source)
		if err != nil {
			t.Error(err)
			close(busy)
			stopped <- 0
			return
		}
		defer conn.Close()
		for n := 1; ; n++ {
			if _, err := conn.Exec(context.Background(), "insert into pairs values (1), (1)"); err != nil {
				t.Error(err)
			}
			if n == 10 {
				close(busy)
			}
			select {
			case <-stop:
				stopped <- n
				return
			default:
			}
		}
	}()
	<-busy
	archive := filepath.Join(t.TempDir(), "snapshot.tar")
	err := source.Snapshot(t.Context(), archive)
	close(stop)
	if written := <-stopped; err != nil || written < 10 {
		t.Fatal(written, err)
	}
	query(t, source, "delete from orders")

	restored, err := e.Restore(t.Context(), "restored", archive, engine.Master{})
	if err != nil {
		t.Fatal(err)
	}
	if got := query(t, restored, "select count(*) from orders"); got != "1000" {
		t.Errorf("restored rows: got %s, want 1000", got)
	}
	if got := query(t, restored, "select count(*) >= 20 and count(*) % 2 = 0 from pairs"); got != "1" {
		t.Errorf("restored pairs: %s", query(t, restored, "select count(*) from pairs"))
	}
	if got := query(t, source, "select count(*) from orders"); got != "0" {
		t.Errorf("source rows: got %s, want 0", got)
	}
}

func TestStopKeepsDataAndPort(t *testing.T) {
	e := start(t)
	s := create(t, e, "db")
	query(t, s, "create table t as select 7 as n")
	port := s.Port()
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	archive := filepath.Join(t.TempDir(), "snapshot.tar")
	if err := s.Snapshot(t.Context(), archive); err != nil {
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
	restored, err := e.Restore(t.Context(), "restored", archive, engine.Master{User: "app", Password: master.Password})
	if err != nil {
		t.Fatal(err)
	}
	if got := query(t, restored, "select n from t"); got != "7" {
		t.Errorf("row of the stopped server's snapshot: got %s, want 7", got)
	}
}

func TestMasterUser(t *testing.T) {
	s, err := start(t).Create(t.Context(), "db", engine.Master{User: "app", Password: "old", Database: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.SetMaster(t.Context(), master); err != nil {
		t.Fatal(err)
	}
	if got := query(t, s, "select current_user"); got != "app@%" {
		t.Errorf("user: got %s", got)
	}
	query(t, s, "create database another", "create user 'reader'@'%' identified by 'x'", "grant select on another.* to 'reader'@'%'")
	if got := query(t, s, "show status like 'Ssl_cipher'", "select variable_value <> '' from information_schema.session_status where variable_name = 'Ssl_cipher'"); got != "1" {
		t.Error("the connection is not encrypted")
	}
}
