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

// postgreSQL is a session of RDS or Aurora PostgreSQL.
type postgreSQL struct{ conn *pgconn.PgConn }

func connectPostgreSQL(ctx context.Context, db database.Database, login Login) (session, error) {
	if login.Name == "" {
		login.Name = "postgres"
	}
	address := url.URL{
		Scheme: "postgres", User: url.UserPassword(login.User, login.Password),
		Host: net.JoinHostPort(db.Endpoint, strconv.Itoa(db.Port)), Path: "/" + login.Name,
		RawQuery: "sslmode=prefer&connect_timeout=15",
	}
	config, err := pgconn.ParseConfig(address.String())
	if err == nil && login.Authorities != nil {
		config.TLSConfig, config.Fallbacks = login.encryption(db), nil
	}
	var conn *pgconn.PgConn
	if err == nil {
		conn, err = pgconn.ConnectConfig(ctx, config)
	}
	if err != nil {
		// The library's text may quote the address, and so the password.
		return nil, fmt.Errorf("connect to database %s at %s as %s: %w", login.Name, address.Host, login.User, withoutAddress(err))
	}
	return postgreSQL{conn}, nil
}

func withoutAddress(err error) error {
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(err) {
		err = inner
	}
	return err
}

func (s postgreSQL) run(ctx context.Context, text string) error {
	_, err := s.conn.Exec(ctx, text).ReadAll()
	var refused *pgconn.PgError
	if errors.As(err, &refused) && refused.Position > 0 {
		before := []rune(text)
		return atLine(1+strings.Count(string(before[:min(int(refused.Position), len(before))]), "\n"), err)
	}
	return err //nolint:wrapcheck // the caller names the database
}

func (s postgreSQL) first(ctx context.Context, query string) (row []string, err error) {
	results, err := s.conn.Exec(ctx, query).ReadAll()
	if err != nil || len(results) == 0 || len(results[0].Rows) == 0 {
		return nil, err //nolint:wrapcheck // the caller names the query
	}
	for _, value := range results[0].Rows[0] {
		row = append(row, string(value))
	}
	return row, nil
}

func (s postgreSQL) close(ctx context.Context) { _ = s.conn.Close(ctx) } // nothing is left to lose

// splitLines cuts queries at semicolons that end a line, and drops empty ones
// and those of comments only.
func splitLines(queries string) (list []statement) {
	var query strings.Builder
	number, begin := 0, 0
	end := func() {
		if text := strings.TrimSpace(query.String()); text != "" {
			list = append(list, statement{begin, text})
		}
		query.Reset()
	}
	for line := range strings.Lines(queries) {
		number++
		text := strings.TrimSpace(line)
		if strings.HasPrefix(text, "--") {
			continue
		}
		if strings.TrimSpace(query.String()) == "" {
			query.Reset()
			begin = number
		}
		query.WriteString(strings.TrimSuffix(text, ";") + "\n")
		if strings.HasSuffix(text, ";") {
			end()
		}
	}
	end()
	return list
}
