package smoke_test

import (
	"errors"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/org/shipkit/pkg/smoke"
	"github.com/org/shipkit/pkg/smoke/probe"
	"github.com/org/shipkit/pkg/smoke/template"
)

func TestAssertions(t *testing.T) {
	text := func(s string) *template.Text { v := template.Literal(s); return &v }
	number := func(n int) *int { return &n }
	jq := func(s string) *smoke.JQ {
		q, err := smoke.CompileJQ(s, []string{"who"})
		if err != nil {
			t.Fatal(err)
		}
		return q
	}
	answer := &probe.Answer{
		Status: 200, HTTPVersion: "2", URL: "https://shop.test/end", IP: "10.0.0.7", Size: 30,
		Header: http.Header{"Content-Type": {"application/json; charset=utf-8"}, "X-Many": {"one", "two"}, "Set-Cookie": {"session=abc; Path=/"}},
		Body:   []byte(`{"name":"smoke","n":3,"ok":true,"none":null,"big":12345678901234567890}`), Values: []string{"10.0.0.7", "10.0.0.8"}, Serving: "SERVING",
		Redirects: []probe.Redirect{{Status: 301, Location: "https://shop.test/mid"}, {Status: 302, Location: "https://shop.test/end"}},
		Certificate: &probe.Certificate{NotAfter: time.Now().Add(20*24*time.Hour + time.Hour), DNSNames: []string{"shop.test"}, Valid: func(host string) error {
			if host != "shop.test" {
				return errors.New("not for " + host)
			}
			return nil
		}},
	}
	cut := &probe.Answer{Body: []byte(strings.Repeat("x", 100)), Cut: true, Size: -1, Header: http.Header{}}
	declared := &probe.Answer{Body: []byte(strings.Repeat("x", 100)), Cut: true, Size: 5000, Header: http.Header{}}
	for name, test := range map[string]struct {
		test   smoke.Test
		answer *probe.Answer
		holds  bool
		seen   string
	}{
		"header is there":         {smoke.HeaderTest{Name: "content-type"}, answer, true, "application/json"},
		"header is not there":     {smoke.HeaderTest{Name: "X-No"}, answer, false, "no header X-No"},
		"one of many headers":     {smoke.HeaderTest{Name: "X-Many", Match: smoke.Match{Equals: text("two")}}, answer, true, "one, two"},
		"none of many headers":    {smoke.HeaderTest{Name: "X-Many", Match: smoke.Match{Equals: text("three")}}, answer, false, "one, two"},
		"cookie":                  {smoke.CookieTest{Name: "session", Match: smoke.Match{Equals: text("abc")}}, answer, true, ""},
		"cookie with other value": {smoke.CookieTest{Name: "session", Match: smoke.Match{Equals: text("x")}}, answer, false, "another value"},
		"no cookie":               {smoke.CookieTest{Name: "sid"}, answer, false, "no cookie sid"},
		"body matches":            {smoke.BodyTest{Match: smoke.Match{Matches: regexp.MustCompile(`"n":\d`)}}, answer, true, ""},
		"all must hold":           {smoke.BodyTest{Match: smoke.Match{Matches: regexp.MustCompile("smoke"), Contains: text("fire")}}, answer, false, ""},
		"body was cut":            {smoke.BodyTest{Match: smoke.Match{Contains: text("y")}}, cut, false, "the first 100 B of a longer body"},
		"size":                    {smoke.SizeTest{Min: 30, Max: 30}, answer, true, "30 B"},
		"size is too small":       {smoke.SizeTest{Min: 31, Max: -1}, answer, false, "30 B"},
		"size is declared":        {smoke.SizeTest{Max: 4999}, declared, false, "5.0 kB"},
		"size is not known":       {smoke.SizeTest{Max: 1000}, cut, false, "more than 100 B"},
		"size is not known, min":  {smoke.SizeTest{Min: 100, Max: -1}, cut, true, "more than 100 B"},
		"jq is true":              {smoke.JQTest{Query: jq(".ok")}, answer, true, "true"},
		"jq is null":              {smoke.JQTest{Query: jq(".none")}, answer, false, "null"},
		"jq with a variable":      {smoke.JQTest{Query: jq(".name == $who")}, answer, true, "true"},
		"jq compared":             {smoke.JQTest{Query: jq(".n"), Match: &smoke.Match{Equals: text("3")}}, answer, true, "3"},
		"jq of a big number":      {smoke.JQTest{Query: jq(".name"), Match: &smoke.Match{Equals: text("smoke")}}, answer, true, "smoke"},
		"jq counts":               {smoke.JQTest{Query: jq(".n > 2 and .n + 1 == 4 and (.n | type) == \"number\"")}, answer, true, "true"},
		"jq gives nothing":        {smoke.JQTest{Query: jq("empty")}, answer, false, "gives nothing"},
		"jq fails":                {smoke.JQTest{Query: jq(".name.x")}, answer, false, "fails"},
		"jq after a BOM":          {smoke.JQTest{Query: jq(`.a == 1`)}, &probe.Answer{Body: []byte("\xef\xbb\xbf{\"a\":1}")}, true, ""},
		"jq on nothing":           {smoke.JQTest{Query: jq(".")}, &probe.Answer{Body: []byte(" \n")}, false, "not JSON: it is empty"},
		"jq on no JSON":           {smoke.JQTest{Query: jq(".")}, &probe.Answer{Body: []byte("<html>")}, false, "not JSON"},
		"jq on a cut body":        {smoke.JQTest{Query: jq(".")}, cut, false, "longer than 100 B"},
		"redirect count":          {smoke.RedirectTest{Count: number(2)}, answer, true, "https://shop.test/mid → https://shop.test/end"},
		"other redirect count":    {smoke.RedirectTest{Count: number(0)}, answer, false, "→"},
		"redirect target":         {smoke.RedirectTest{To: &smoke.Match{Equals: text("https://shop.test/end")}}, answer, true, ""},
		"redirect chain":          {smoke.RedirectTest{Chain: []template.Text{*text("https://shop.test/mid"), *text("https://shop.test/end")}}, answer, true, ""},
		"other redirect chain":    {smoke.RedirectTest{Chain: []template.Text{*text("https://shop.test/end")}}, answer, false, ""},
		"no redirect":             {smoke.RedirectTest{Count: number(1)}, cut, false, "no redirect"},
		"certificate":             {smoke.CertificateTest{DaysLeft: 20, Host: "shop.test"}, answer, true, "20 days left"},
		"certificate ends soon":   {smoke.CertificateTest{DaysLeft: 21}, answer, false, "20 days left"},
		"certificate of another":  {smoke.CertificateTest{Host: "other.test"}, answer, false, "good for shop.test"},
		"no certificate":          {smoke.CertificateTest{}, cut, false, "no TLS"},
		"HTTP version":            {smoke.HTTPVersionTest{Version: "2"}, answer, true, "HTTP/2"},
		"other HTTP version":      {smoke.HTTPVersionTest{Version: "1.1"}, answer, false, "HTTP/2"},
		"exact records":           {smoke.RecordsTest{Equals: []string{"10.0.0.8", "10.0.0.7"}}, answer, true, "10.0.0.7, 10.0.0.8"},
		"one record too many":     {smoke.RecordsTest{Equals: []string{"10.0.0.8"}}, answer, false, ""},
		"a record":                {smoke.RecordsTest{Contains: []string{"10.0.0.8"}}, answer, true, ""},
		"not a record":            {smoke.RecordsTest{Contains: []string{"10.0.0.9"}}, answer, false, ""},
		"any record":              {smoke.RecordsTest{}, answer, true, ""},
		"no record":               {smoke.RecordsTest{}, cut, false, ""},
		"serving":                 {smoke.ServingTest{}, answer, true, "SERVING"},
		"not serving":             {smoke.ServingTest{}, &probe.Answer{Serving: "NOT_SERVING"}, false, "NOT_SERVING"},
	} {
		t.Run(name, func(t *testing.T) {
			values := smoke.Values{"who": "smoke"}
			holds, seen := test.test.Holds(t.Context(), test.answer, values)
			if holds != test.holds || !strings.Contains(seen, test.seen) {
				t.Errorf("holds: %t, seen %q, want %t, %q", holds, seen, test.holds, test.seen)
			}
			if test.test.Expect(values) == "" {
				t.Error("it does not say what is expected")
			}
		})
	}
}

func TestRedact(t *testing.T) {
	secrets := []string{"hunter2", "a/b c+d", "abc", "hunter2-long"}
	for text, want := range map[string]string{
		"password hunter2!":                           "password ***!",
		"longest first: hunter2-long":                 "longest first: ***",
		"?q=a%2Fb+c%2Bd /a%2Fb%20c+d":                 "?q=*** /***",
		"aHVudGVyMg==":                                "***",
		"abc is too short to be a secret":             "abc is too short to be a secret",
		`{"apiKey": "x1", "user":"me"}`:               `{"apiKey": "***", "user":"me"}`,
		`{"refresh_token":"x","Session-Id":"y"}`:      `{"refresh_token":"***","Session-Id":"***"}`,
		"access_token=abcdef&user=me":                 "access_token=***&user=me",
		"Authorization: Bearer abcdefghijk":           "Authorization: Bearer ***",
		"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln":   "***",
		"http://user:pass@host/path":                  "http://***@host/path",
		"https://host/path?v=1 status 200 ok":         "https://host/path?v=1 status 200 ok",
		"3f2a91c0d4e5f60718293a4b5c6d7e8f90a1b2c3 ok": "3f2a91c0d4e5f60718293a4b5c6d7e8f90a1b2c3 ok",
	} {
		if got := smoke.Redact(text, secrets); got != want {
			t.Errorf("%q is shown as %q, want %q", text, got, want)
		}
	}
}
