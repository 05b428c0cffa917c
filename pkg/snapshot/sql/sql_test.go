package sql

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/org/shipkit/internal/localaws/rds/engine"
	"github.com/org/shipkit/internal/localaws/rds/mariadb"
	"github.com/org/shipkit/internal/localaws/rds/postgres"
	"github.com/org/shipkit/pkg/snapshot/database"
)

var login = Login{Password: `p@ss/wo'r\d`}

// serve starts a server of an engine of RDS with a table of five orders. Dir is
// its data folder.
func serve(t *testing.T, name string) (db database.Database, dir string) {
	t.Helper()
	prepare := postgres.New
	if name != "postgres" {
		prepare = mariadb.New
	}
	e, err := prepare(engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	s, err := e.Create(t.Context(), "db", engine.Master{User: "shop", Password: login.Password, Database: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	db = database.Database{ID: "db", Engine: name, Endpoint: s.Address(), Port: s.Port(), User: "shop", Name: "shop"}
	err = Run(t.Context(), db, login, "create table orders (id int primary key, email varchar(100));\n"+
		"insert into orders values (1, 'a@x.org'), (2, 'b@x.org'), (3, 'c@x.org'), (4, 'd@x.org'), (5, null);\n")
	if err != nil {
		t.Fatal(err)
	}
	return db, s.Dir()
}

func TestServers(t *testing.T) {
	for _, name := range []string{"postgres", "aurora-mysql"} {
		t.Run(name, func(t *testing.T) {
			db, dir := serve(t, name)
			t.Run("run and check", func(t *testing.T) { runAndCheck(t, db) })
			t.Run("authorities", func(t *testing.T) { authorities(t, db, dir) })
			if name != "postgres" {
				t.Run("script", func(t *testing.T) { mysqlScript(t, db) })
				t.Run("cancel", func(t *testing.T) { mysqlCancel(t, db) })
			}
		})
	}
}

func runAndCheck(t *testing.T, db database.Database) {
	if err := Check(t.Context(), db, login, "-- rows\nselect count(*) = 5 from orders;\n\nselect exists (\n  select * from orders where id = 3\n);"); err != nil {
		t.Errorf("checks that hold: %v", err)
	}
	err := Check(t.Context(), db, login, "select count(*) = 7,\n  'seven' from orders;\nselect id from orders where id = 9;\n"+
		"select email = '' from orders where id = 5;\nselect * from nowhere;\nselect count(*) = 5 from orders;")
	for _, want := range []string{
		`line 1: check "select count(*) = 7, 'seven' from orders" is not true: [`, `seven]`,
		`line 3: check "select id from orders where id = 9" returned no row`,
		`line 4: check "select email = '' from orders where id = 5" is not true: [`,
		`line 5: check "select * from nowhere": `, "nowhere",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error lacks %q: %v", want, err)
		}
	}
	if strings.Contains(fmt.Sprint(err), "line 6") {
		t.Errorf("a check that holds is told of: %v", err)
	}

	// A file that fails leaves nothing behind, and says where.
	err = Run(t.Context(), db, login, "update orders set email = 'masked';\n-- then\ndelete from orders\n  where nothing = 1;\nselect 1;")
	if err == nil || !strings.Contains(err.Error(), "run SQL in database db: line ") || !strings.Contains(err.Error(), "nothing") {
		t.Errorf("a statement that is wrong: %v", err)
	}
	if err := Check(t.Context(), db, login, "select count(*) = 0 from orders where email = 'masked';"); err != nil {
		t.Errorf("a file that failed had an effect: %v", err)
	}
	if err := Run(t.Context(), db, login, "update orders set email = concat('person', id, '@example.com');"); err != nil {
		t.Errorf("a mask: %v", err)
	}
	if err := Check(t.Context(), db, login, "select count(*) = 5 from orders where email like '%@example.com';"); err != nil {
		t.Errorf("it is not masked: %v", err)
	}

	for _, wrong := range []Login{{Password: "wrong-horse"}, {User: "nobody", Password: login.Password}, {Password: login.Password, Name: "nowhere"}} {
		err := Run(t.Context(), db, wrong, "select 1")
		if err == nil || strings.Contains(err.Error(), wrong.Password) {
			t.Errorf("%+v: %v", wrong, err)
		}
	}
}

// authorities: with them the server must show a certificate of theirs, in its
// own name.
func authorities(t *testing.T, db database.Database, dir string) {
	pem, err := os.ReadFile(filepath.Join(dir, engine.Certificate))
	if err != nil {
		t.Fatal(err)
	}
	right, wrong := x509.NewCertPool(), x509.NewCertPool()
	if !right.AppendCertsFromPEM(pem) {
		t.Fatal("the server's certificate cannot be read")
	}
	for _, test := range []struct {
		endpoint    string
		authorities *x509.CertPool
		want        string
	}{
		{db.Endpoint, right, ""},
		{db.Endpoint, wrong, "certificate signed by unknown authority"},
		{"localhost", right, "certificate is not valid for any names, but wanted to match localhost"},
	} {
		db.Endpoint = test.endpoint
		err := Run(t.Context(), db, Login{Password: login.Password, Authorities: test.authorities}, "select 1")
		if (err == nil) != (test.want == "") || test.want != "" && !strings.Contains(err.Error(), test.want) {
			t.Errorf("at %s: got %v, want %q", test.endpoint, err, test.want)
		}
	}
}

// mysqlScript runs what only a MySQL file has: a procedure between other
// delimiters, a change of the schema amid, several results of a call.
func mysqlScript(t *testing.T, db database.Database) {
	err := Run(t.Context(), db, login, `DELIMITER //
create procedure mask() begin
  update orders set email = concat('person', id, ';@example.com');
  select 'one' as first; select 'two' as second;
end//
DELIMITER ;
call mask(); # with two results
alter table orders add column masked bool default true;
/*! update orders set masked = false where id = 1 */;
`)
	if err != nil {
		t.Fatal(err)
	}
	if err := Check(t.Context(), db, login, "select count(*) = 5, 'a ; within' from orders where email like '%;@%'; select sum(masked) = 4 from orders"); err != nil {
		t.Error(err)
	}
	err = Check(t.Context(), db, login, "select null, '', 0.10; select * from nowhere")
	for _, want := range []string{"is not true: [NULL  0.10]", "ERROR 1146 (42S02): Table 'shop.nowhere' doesn't exist"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error lacks %q: %v", want, err)
		}
	}
}

// mysqlCancel: a statement that runs ends when its caller does.
func mysqlCancel(t *testing.T, db database.Database) {
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer cancel()
		for t.Context().Err() == nil &&
			Check(t.Context(), db, login, "select count(*) = 1 from information_schema.processlist where info = 'select sleep(100)'") != nil {
		}
	}()
	if err := Run(ctx, db, login, "select sleep(100)"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// A password must not be in what a user reads.
func TestConnectErrorHidesThePassword(t *testing.T) {
	for _, name := range []string{"postgres", "mysql"} {
		db := database.Database{ID: "db", Engine: name, Endpoint: "127.0.0.1", Port: 1, User: "shop", Name: "shop"}
		err := Run(t.Context(), db, Login{Password: "p@ss/word"}, "select 1")
		if err == nil || !strings.Contains(err.Error(), "connect to database shop at 127.0.0.1:1 as shop") {
			t.Fatalf("error: %v", err)
		}
		for _, secret := range []string{"p@ss", "p%40ss", "word"} {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("the error shows the password: %v", err)
			}
		}
	}
}

func TestOtherEngines(t *testing.T) {
	err := Run(t.Context(), database.Database{ID: "db", Engine: "oracle-se2"}, Login{}, "select 1")
	if err == nil || err.Error() != "database db is oracle-se2: SQL files are for PostgreSQL and MySQL" || Speaks("oracle-se2") || !Speaks("mariadb") {
		t.Errorf("got %v", err)
	}
}
