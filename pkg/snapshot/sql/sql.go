// Package sql runs the user's SQL files against a PostgreSQL database: masks
// and checks.
package sql

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/org/shipkit/pkg/snapshot/database"
)

// Login says who connects, and to which of the server's databases. An empty
// user is the database's master user, an empty name the server's first
// database.
type Login struct{ User, Password, Name string }

func connect(ctx context.Context, db database.Database, login Login) (*pgconn.PgConn, error) {
	user, name := login.User, login.Name
	if user == "" {
		user = db.User
	}
	if name == "" {
		name = db.Name
	}
	if name == "" {
		name = "postgres"
	}
	address := url.URL{
		Scheme: "postgres", User: url.UserPassword(user, login.Password),
		Host: net.JoinHostPort(db.Endpoint, strconv.Itoa(db.Port)), Path: "/" + name,
		RawQuery: "sslmode=prefer&connect_timeout=15",
	}
	conn, err := pgconn.Connect(ctx, address.String())
	if err != nil {
		// The library's text may quote the address, and so the password.
		return nil, fmt.Errorf("connect to database %s at %s as %s: %w", name, address.Host, user, withoutAddress(err))
	}
	return conn, nil
}

func withoutAddress(err error) error {
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(err) {
		err = inner
	}
	return err
}

// Run runs all statements in one transaction, as PostgreSQL does with several
// in one query: all or nothing
// (https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-MULTI-STATEMENT).
func Run(ctx context.Context, db database.Database, login Login, statements string) error {
	conn, err := connect(ctx, db, login)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // nothing is left to lose
	if _, err = conn.Exec(ctx, statements).ReadAll(); err != nil {
		return fmt.Errorf("run SQL in database %s: %w", db.ID, err)
	}
	return nil
}

// Check runs each query and fails at once for all whose first row does not
// begin with true. A query ends with a semicolon at the end of a line.
func Check(ctx context.Context, db database.Database, login Login, queries string) error {
	conn, err := connect(ctx, db, login)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // nothing is left to lose
	var failed []error
	for _, query := range Split(queries) {
		results, err := conn.Exec(ctx, query).ReadAll()
		switch {
		case err != nil:
			failed = append(failed, fmt.Errorf("check %q: %w", brief(query), err))
		case len(results) == 0 || len(results[0].Rows) == 0 || len(results[0].Rows[0]) == 0:
			failed = append(failed, fmt.Errorf("check %q returned no row", brief(query)))
		case string(results[0].Rows[0][0]) != "t":
			failed = append(failed, fmt.Errorf("check %q is not true: %s", brief(query), results[0].Rows[0]))
		}
	}
	return errors.Join(failed...)
}

// Split cuts queries at semicolons that end a line, and drops empty ones and
// those of comments only.
func Split(queries string) []string {
	var list []string
	var query strings.Builder
	end := func() {
		if text := strings.TrimSpace(query.String()); text != "" {
			list = append(list, text)
		}
		query.Reset()
	}
	for line := range strings.Lines(queries) {
		text := strings.TrimSpace(line)
		if strings.HasPrefix(text, "--") {
			continue
		}
		query.WriteString(strings.TrimSuffix(text, ";") + "\n")
		if strings.HasSuffix(text, ";") {
			end()
		}
	}
	end()
	return list
}

func brief(query string) string {
	text := strings.Join(strings.Fields(query), " ")
	if runes := []rune(text); len(runes) > 120 {
		return string(runes[:119]) + "…"
	}
	return text
}
