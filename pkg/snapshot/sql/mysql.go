package sql

import (
	"context"
	"fmt"
	"net"
	"strconv"

	"github.com/org/shipkit/pkg/mysql"
	"github.com/org/shipkit/pkg/snapshot/database"
)

// mySQL is a session of RDS or Aurora MySQL, or of MariaDB.
type mySQL struct{ conn *mysql.Conn }

func connectMySQL(ctx context.Context, db database.Database, login Login) (session, error) {
	address := net.JoinHostPort(db.Endpoint, strconv.Itoa(db.Port))
	conn, err := mysql.Connect(ctx, mysql.Config{
		Address: address, User: login.User, Password: login.Password, Database: login.Name, TLS: login.encryption(db),
	})
	if err != nil {
		return nil, fmt.Errorf("connect to database %s at %s as %s: %w", login.Name, address, login.User, err)
	}
	return mySQL{conn}, nil
}

func (s mySQL) run(ctx context.Context, text string) error {
	if _, err := s.conn.Exec(ctx, "START TRANSACTION"); err != nil {
		return err //nolint:wrapcheck // the caller names the database
	}
	for _, statement := range splitMySQL(text) {
		if _, err := s.conn.Exec(ctx, statement.text); err != nil {
			return atLine(statement.line, err)
		}
	}
	_, err := s.conn.Exec(ctx, "COMMIT")
	return err //nolint:wrapcheck // the caller names the database
}

func (s mySQL) first(ctx context.Context, query string) ([]string, error) {
	return s.conn.Exec(ctx, query) //nolint:wrapcheck // the caller names the query
}

func (s mySQL) close(context.Context) { s.conn.Close() }
