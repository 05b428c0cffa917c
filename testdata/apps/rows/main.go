// Rows is a service with a database, for tests: /rows answers with the words that its PostgreSQL holds, read anew for
// every request, /healthz with ok.
//
// Environment: DATABASE_HOST and DATABASE_PORT, as promote-snapshot gives them; without them /rows answers nowhere.
// DATABASE_USER is user and database, DATABASE_PASSWORD its password. With MIGRATE it serves nothing: it runs that SQL,
// statement by statement, and ends. PORT is 8080 if it is not set.
package main

import (
	"cmp"
	"context"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

func main() {
	db := &database{}
	if host := os.Getenv("DATABASE_HOST"); host != "" {
		db.url = (&url.URL{
			Scheme: "postgres", User: url.UserPassword(os.Getenv("DATABASE_USER"), os.Getenv("DATABASE_PASSWORD")),
			Host: net.JoinHostPort(host, os.Getenv("DATABASE_PORT")), Path: os.Getenv("DATABASE_USER"),
		}).String()
	}
	if script := os.Getenv("MIGRATE"); script != "" {
		if err := db.migrate(context.Background(), script); err != nil {
			log.Fatalf("migrate: %v", err)
		}
		return
	}
	http.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	http.HandleFunc("/rows", func(w http.ResponseWriter, r *http.Request) {
		words, err := db.words(r.Context())
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		fmt.Fprintln(w, words)
	})
	server := &http.Server{Addr: ":" + cmp.Or(os.Getenv("PORT"), "8080"), ReadHeaderTimeout: 10 * time.Second}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	go func() { log.Print(server.ListenAndServe()) }()
	<-ctx.Done()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_ = server.Shutdown(ctx)
}

// database is one connection that is made when it is needed.
type database struct {
	url  string
	mu   sync.Mutex
	conn *pgx.Conn
}

func (d *database) words(ctx context.Context) (words string, err error) {
	if d.url == "" {
		return "nowhere", nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.conn == nil || d.conn.IsClosed() {
		if d.conn, err = pgx.Connect(ctx, d.url); err != nil {
			return "", err
		}
	}
	err = d.conn.QueryRow(ctx, "SELECT string_agg(words, ', ' ORDER BY id) FROM greetings").Scan(&words)
	return words, err
}

// migrate runs each statement in a transaction of its own.
func (d *database) migrate(ctx context.Context, script string) error {
	conn, err := pgx.Connect(ctx, d.url)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	for statement := range strings.SplitSeq(strings.TrimRight(script, "; "), ";") {
		statement = strings.TrimSpace(statement)
		log.Printf("migrate: %s", statement)
		if _, err := conn.Exec(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}
