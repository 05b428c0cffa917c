package seed

import (
	"context"
	"fmt"
	"net/url"

	"github.com/jackc/pgx/v5"
)

// Greetings reads the demo's rows out of a database, by host:port: the seeded one or a copy of it.
func Greetings(ctx context.Context, endpoint string) ([]string, error) {
	address := url.URL{Scheme: "postgres", User: url.UserPassword(user, password), Host: endpoint, Path: user}
	conn, err := pgx.Connect(ctx, address.String())
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", endpoint, err)
	}
	defer func() { _ = conn.Close(ctx) }() // nothing was written
	rows, err := conn.Query(ctx, "SELECT words FROM greetings ORDER BY id")
	if err != nil {
		return nil, fmt.Errorf("read the greetings of %s: %w", endpoint, err)
	}
	words, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("read the greetings of %s: %w", endpoint, err)
	}
	return words, nil
}
