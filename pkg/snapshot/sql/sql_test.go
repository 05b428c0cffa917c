package sql

import (
	"slices"
	"strings"
	"testing"

	"github.com/org/shipkit/pkg/snapshot/database"
)

func TestSplit(t *testing.T) {
	got := Split("-- a remark; not a query\nselect 1 = 1;\n\nselect ';' =\n  ';';\nselect 'no end'\n")
	want := []string{"select 1 = 1", "select ';' =\n';'", "select 'no end'"}
	if !slices.Equal(got, want) {
		t.Errorf("Split = %q, want %q", got, want)
	}
}

// A password must not be in what a user reads.
func TestConnectErrorHidesThePassword(t *testing.T) {
	db := database.Database{ID: "db", Endpoint: "127.0.0.1", Port: 1, User: "shop", Name: "shop"}
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

func FuzzSplit(f *testing.F) {
	f.Add("select 1;\n-- x\nselect 2")
	f.Fuzz(func(t *testing.T, text string) {
		for _, query := range Split(text) {
			if strings.TrimSpace(query) == "" {
				t.Errorf("Split(%q) has an empty query", text)
			}
		}
	})
}
