package promotesnapshot

import (
	"crypto/tls"
	"net"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/rds"

	"github.com/org/shipkit/internal/localaws"
	dbengine "github.com/org/shipkit/internal/localaws/rds/engine"
	"github.com/org/shipkit/internal/localaws/rds/mariadb"
	"github.com/org/shipkit/internal/localaws/rds/postgres"
	"github.com/org/shipkit/pkg/mysql"
	"github.com/org/shipkit/pkg/snapshot/database"
	"github.com/org/shipkit/pkg/snapshot/sql"
)

// readmeSQL is the README's example of checks in an engine's language.
func readmeSQL(t *testing.T, language string) string {
	t.Helper()
	_, text, ok := strings.Cut(read(t, "README.md"), "```sql\n-- verify.sql for "+language+"\n")
	text, _, end := strings.Cut(text, "```")
	if !ok || !end {
		t.Fatalf("the README has no checks for %s", language)
	}
	return text
}

// shopRows is a database that the README's checks hold of once it is masked.
const shopRows = `create table orders (id int primary key, email varchar(100));
insert into orders values (1, 'anna@shipkit.org');
insert into orders select id + 1, concat('b', email) from orders;
insert into orders select id + 2, concat('c', email) from orders;
insert into orders select id + 4, concat('d', email) from orders;
insert into orders select id + 8, concat('e', email) from orders;
insert into orders select id + 16, concat('f', email) from orders;
insert into orders select id + 32, concat('g', email) from orders where id <= 10;
create table schema_migrations (version varchar(20));
insert into schema_migrations values ('20260401'), ('20261001');
create table countries (code char(2) primary key, name varchar(100));
insert into countries values ('IT', 'Italy'), ('DE', 'Germany'), ('FR', 'France');
`

const mask = "update orders set email = concat('person', id, '@example.com');\n"

// TestReadmeSQL: the checks hold, and each notices what it is there for.
func TestReadmeSQL(t *testing.T) {
	for _, test := range []struct {
		language, engine string
		prepare          func(dbengine.Options) (*dbengine.Engine, error)
	}{{"PostgreSQL", "postgres", postgres.New}, {"MySQL", "mysql", mariadb.New}} {
		t.Run(test.language, func(t *testing.T) {
			e, err := test.prepare(dbengine.Options{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := e.Close(); err != nil {
					t.Error(err)
				}
			})
			s, err := e.Create(t.Context(), "db", dbengine.Master{User: "shop", Password: password, Database: "shop"})
			if err != nil {
				t.Fatal(err)
			}
			db := database.Database{ID: "dev", Engine: test.engine, Endpoint: s.Address(), Port: s.Port(), User: "shop", Name: "shop"}
			run := func(text string) {
				t.Helper()
				if err := sql.Run(t.Context(), db, sql.Login{Password: password}, text); err != nil {
					t.Fatal(err)
				}
			}
			checks := readmeSQL(t, test.language)
			run(shopRows + mask)
			if err := sql.Check(t.Context(), db, sql.Login{Password: password}, checks); err != nil {
				t.Fatal(err)
			}
			for line, harm := range []string{
				"delete from orders where id > 39",
				"update orders set email = 'anna@shipkit.org' where id = 39",
				"delete from schema_migrations where version = '20261001'",
				"update countries set name = 'Germania' where code = 'DE'",
			} {
				run(harm)
				err := sql.Check(t.Context(), db, sql.Login{Password: password}, checks)
				if err == nil || !strings.Contains(err.Error(), "line "+strconv.Itoa(line+1)+": ") || strings.Count(err.Error(), "is not true") != line+1 {
					t.Errorf("after %q: %v", harm, err)
				}
			}
		})
	}
}

// mysqlValue runs statements in an instance and returns the last one's first
// value.
func (r region) mysqlValue(t *testing.T, id string, statements ...string) (value string) {
	t.Helper()
	out, err := r.DescribeDBInstances(t.Context(), &rds.DescribeDBInstancesInput{DBInstanceIdentifier: &id})
	if err != nil {
		t.Fatal(err)
	}
	at := out.DBInstances[0].Endpoint
	conn, err := mysql.Connect(t.Context(), mysql.Config{
		Address: net.JoinHostPort(*at.Address, strconv.Itoa(int(*at.Port))), User: "shop", Password: password, Database: "shop",
		TLS: &tls.Config{InsecureSkipVerify: true},
	})
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

// TestMySQLBySQL promotes real rows: masked, warmed up and checked by SQL files,
// and served after it. A check that fails takes everything back.
func TestMySQLBySQL(t *testing.T) {
	if err := mariadb.Installed(); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"instance", "cluster"} {
		t.Run(kind, func(t *testing.T) {
			w := startCross(t, localaws.Options{})
			here := w.at(thisAccount, home)
			name, member := "mysql", ""
			if kind == "instance" {
				here.instance(t, name, "")
			} else {
				name, member = "aurora-mysql", "-1"
				here.cluster(t, name, "")
			}
			here.mysqlValue(t, "dev-db"+member, strings.Split(strings.TrimSuffix(shopRows, ";\n"), ";\n")...)
			with := map[string]string{
				"source-database": "dev-db", "mask-sql": write(t, "mask.sql", mask), "verify-sql": write(t, "verify.sql", readmeSQL(t, "MySQL")),
				"warm-up-sql": write(t, "warm.sql", "create table warm as select count(*) as n from orders;"),
			}
			got := w.promote(t, with)
			db := "xy-0146-prod-db-" + got.Outputs["timestamp"] + member
			if rows := here.mysqlValue(t, db, "select count(*) from orders where email = concat('person', id, '@example.com')"); rows != "42" {
				t.Errorf("%s masked orders are served", rows)
			}
			if n := here.mysqlValue(t, db, "select n from warm"); n != "42" {
				t.Errorf("it was warmed up with %s orders", n)
			}
			if rows := here.mysqlValue(t, "dev-db"+member, "select count(*) from orders where email like '%@shipkit.org'"); rows != "42" {
				t.Errorf("the source has %s orders that are not masked", rows)
			}
			if kind == "cluster" {
				return // what fails does so in the same way
			}

			here.mysqlValue(t, "dev-db"+member, "delete from orders where id > 39")
			failed := w.run(t, with)
			if failed.ExitCode != 1 || failed.Outputs["phase"] != "undone" || here.pointer(t) != got.Outputs["timestamp"] ||
				!strings.Contains(failed.Log, "verify-sql: line 1: check ") || !strings.Contains(failed.Log, "is not true: [0 39]") {
				t.Errorf("a check that fails: %+v", failed)
			}
			if rows := here.mysqlValue(t, db, "select count(*) from orders"); rows != "42" {
				t.Errorf("after the failure %s orders are served", rows)
			}
			if strings.Contains(strings.ReplaceAll(failed.Log, "::add-mask::"+password, ""), password) {
				t.Error("the password is shown")
			}
			with["mask-sql"] = write(t, "mask.sql", mask+"update orders set nothing = 1;")
			failed = w.run(t, with)
			if failed.Outputs["phase"] != "undone" || !strings.Contains(failed.Log, "mask-sql: run SQL in database xy-0146-prod-mask-") ||
				!strings.Contains(failed.Log, ": line 2: ERROR 1054 (42S22): Unknown column 'nothing'") {
				t.Errorf("a mask that fails: %+v", failed)
			}
			list, err := here.DescribeDBInstances(t.Context(), &rds.DescribeDBInstancesInput{})
			if err != nil || len(list.DBInstances) != 2 {
				t.Errorf("%d instances are left, not dev's and prod's: %v", len(list.DBInstances), err)
			}
		})
	}
}
