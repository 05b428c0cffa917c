// Package sql runs the user's SQL files against a database: masks, checks and
// warm-ups. It speaks to PostgreSQL and to MySQL, on RDS and on Aurora.
package sql

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/org/shipkit/pkg/snapshot/database"
)

// Login says who connects, and to which of the server's databases. An empty
// user is the database's master user, an empty name the server's first
// database.
type Login struct {
	User, Password, Name string
	// Authorities are who may vouch for the server. Nil encrypts if the server
	// can, and does not look at its certificate: RDS's are of authorities that
	// a runner does not know.
	Authorities *x509.CertPool
}

// or fills in what the database knows.
func (l Login) or(db database.Database) Login {
	if l.User == "" {
		l.User = db.User
	}
	if l.Name == "" {
		l.Name = db.Name
	}
	return l
}

// encryption is how a session is to be encrypted.
func (l Login) encryption(db database.Database) *tls.Config {
	return &tls.Config{
		ServerName: db.Endpoint, RootCAs: l.Authorities, MinVersion: tls.VersionTLS12,
		InsecureSkipVerify: l.Authorities == nil, //nolint:gosec // as Login says
	}
}

// dialect is how one family of engines is spoken to.
type dialect struct {
	connect func(context.Context, database.Database, Login) (session, error)
	// split cuts a file into statements.
	split func(text string) []statement
	// truth is how the engine writes true.
	truth string
}

// session is a connection to a database.
type session interface {
	// run runs a whole file: all or nothing, as far as the engine can.
	run(ctx context.Context, text string) error
	// first runs one query and returns its first row; none is nil.
	first(ctx context.Context, query string) ([]string, error)
	close(ctx context.Context)
}

// statement is one statement of a file.
type statement struct {
	line int // where it begins, from 1
	text string
}

func dialectOf(engine string) (dialect, bool) {
	is := func(family string) bool { return strings.Contains(engine, family) }
	switch {
	case is("postgres"):
		return dialect{connect: connectPostgreSQL, split: splitLines, truth: "t"}, true
	case is("mysql"), is("mariadb"):
		return dialect{connect: connectMySQL, split: splitMySQL, truth: "1"}, true
	}
	return dialect{}, false
}

// Speaks tells whether SQL files can be run in databases of an engine of RDS,
// such as aurora-mysql.
func Speaks(engine string) bool {
	_, ok := dialectOf(engine)
	return ok
}

func open(ctx context.Context, db database.Database, login Login) (dialect, session, error) {
	d, ok := dialectOf(db.Engine)
	if !ok {
		return d, nil, fmt.Errorf("database %s is %s: SQL files are for PostgreSQL and MySQL", db.ID, db.Engine)
	}
	s, err := d.connect(ctx, db, login.or(db))
	return d, s, err
}

// Run runs all statements. In PostgreSQL they are one transaction, as several
// in one query are there: all or nothing
// (https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-MULTI-STATEMENT).
// So they are in MySQL, except that a statement that changes the schema commits
// what was before it
// (https://dev.mysql.com/doc/refman/8.4/en/implicit-commit.html).
func Run(ctx context.Context, db database.Database, login Login, statements string) error {
	_, s, err := open(ctx, db, login)
	if err != nil {
		return err
	}
	defer s.close(context.WithoutCancel(ctx))
	if err := s.run(ctx, statements); err != nil {
		return fmt.Errorf("run SQL in database %s: %w", db.ID, err)
	}
	return nil
}

// Check runs each query and fails at once for all whose first row does not
// begin with true, which MySQL writes as 1.
func Check(ctx context.Context, db database.Database, login Login, queries string) error {
	d, s, err := open(ctx, db, login)
	if err != nil {
		return err
	}
	defer s.close(context.WithoutCancel(ctx))
	var failed []error
	for _, query := range d.split(queries) {
		row, err := s.first(ctx, query.text)
		check := fmt.Sprintf("line %d: check %q", query.line, brief(query.text))
		switch {
		case err != nil:
			failed = append(failed, fmt.Errorf("%s: %w", check, err))
		case len(row) == 0:
			failed = append(failed, fmt.Errorf("%s returned no row", check))
		case row[0] != d.truth:
			failed = append(failed, fmt.Errorf("%s is not true: %s", check, row))
		}
		if ctx.Err() != nil {
			break
		}
	}
	return errors.Join(failed...)
}

func brief(query string) string {
	text := strings.Join(strings.Fields(query), " ")
	if runes := []rune(text); len(runes) > 120 {
		return string(slices.Concat(runes[:119], []rune("…")))
	}
	return text
}

// atLine says where in a file an error is.
func atLine(line int, err error) error { return fmt.Errorf("line %d: %w", line, err) }
