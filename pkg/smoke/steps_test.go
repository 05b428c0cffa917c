package smoke_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"github.com/org/shipkit/pkg/smoke"
	"github.com/org/shipkit/pkg/smoke/checkfile"
	"github.com/org/shipkit/pkg/smoke/probe"
)

func read(t testing.TB, text string, env map[string]string) *smoke.Suite {
	t.Helper()
	suite, err := checkfile.Read([]byte(text), checkfile.Options{
		File: "smoke.yml", Timeout: smoke.DefaultTimeout, Concurrency: 2,
		Env: func(name string) (string, bool) { value, ok := env[name]; return value, ok },
	})
	if err != nil {
		t.Fatal(err)
	}
	return suite
}

const shop = `
checks:
  - name: call
    needs: log in
    url: http://h/items
    query: {page: 1, of: a b}
    cookies: {flavour: oat}
    bearer: "{{token}}"
    json: {token: "{{token}}", n: 2, deep: [{x: "{{quote}}"}]}
    asserts: [{jq: .id == $quote}]
  - name: log in
    steps:
      - url: http://h/login
        form: {user: "a&b", password: "${PASSWORD}"}
        captures:
          token: {jq: .token}
          quote: {header: X-Quote}
          id: {body: 'id-(\d+)'}
      - url: http://h/step/{{id}}
        method: PUT
        body: "{{quote}}"
        multipart: {}
`

func TestStepsCaptureAndPassOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{answer: func(_ int, r probe.Request) (*probe.Answer, error) {
			a := body(`{"token":"tok-12345","id":"say \"hi\"","x":"id-42"}`)
			a.Header.Set("X-Quote", `say "hi"`)
			return a, nil
		}}
		text := strings.Replace(shop, "        multipart: {}\n", "", 1)
		result := smoke.Run(t.Context(), read(t, text, map[string]string{"PASSWORD": "p&w %"}), s, smoke.Options{})
		if !result.OK() {
			t.Fatalf("%+v %+v", result.Checks[0].Findings, result.Checks[1].Findings)
		}
		var got []string
		for _, r := range s.asked {
			got = append(got, fmt.Sprintf("%s %s %v %v %s", r.Method, r.URL, r.Header, r.Cookies, r.Body))
		}
		want := []string{
			`POST http://h/login [{Content-Type application/x-www-form-urlencoded}] [] user=a%26b&password=p%26w+%25`,
			`PUT http://h/step/42 [] [] say "hi"`,
			`POST http://h/items?page=1&of=a+b [{Authorization Bearer tok-12345} {Content-Type application/json}] [{flavour oat}] ` +
				`{"deep":[{"x":"say \"hi\""}],"n":2,"token":"tok-12345"}`,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("requests (-want +got):\n%s", diff)
		}
	})
}

func TestNeedsSkip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{answer: func(int, probe.Request) (*probe.Answer, error) { return status(404), nil }}
		text := strings.Replace(shop, "        multipart: {}\n", "", 1)
		result := smoke.Run(t.Context(), read(t, text, map[string]string{"PASSWORD": "secret"}), s, smoke.Options{})
		if result.Failed != 1 || result.Skipped != 1 || result.OK() || len(s.asked) != 1 {
			t.Errorf("%+v after %d requests", result, len(s.asked))
		}
	})
}

func TestCaptureThatIsMissing(t *testing.T) {
	for source, want := range map[string]string{
		"{jq: .token}":    "null",
		"{header: X-No}":  "no header X-No",
		"{cookie: sid}":   "no cookie sid",
		"{body: 'z+'}":    `does not match "z+"`,
		"{jq: .a.b.c.d}":  "fails",
		"{jq: '.[] | 1'}": "gives nothing",
	} {
		synctest.Test(t, func(t *testing.T) {
			s := &service{answer: func(int, probe.Request) (*probe.Answer, error) {
				return body(map[bool]string{true: `[]`, false: `{"a":"x"}`}[strings.Contains(source, "[]")]), nil
			}}
			suite := read(t, "checks: [{name: a, url: 'http://h', captures: {v: "+source+"}}]", nil)
			got := smoke.Run(t.Context(), suite, s, smoke.Options{}).Checks[0]
			if got.Verdict != smoke.Failed || !strings.Contains(got.Findings[0].Seen, want) {
				t.Errorf("%s: %s %+v, want %q", source, got.Verdict, got.Findings, want)
			}
		})
	}
}

// Whatever a service sends back of a secret, and in whatever form, no result
// holds it.
func TestResultsHoldNoSecrets(t *testing.T) {
	const password, token = "hunter2 & co", "tok-9876543"
	synctest.Test(t, func(t *testing.T) {
		s := &service{answer: func(n int, r probe.Request) (*probe.Answer, error) {
			if strings.HasSuffix(r.URL, "/login") {
				return body(`{"t":"` + token + `"}`), nil
			}
			if n%2 == 0 {
				return nil, &probe.Error{Cause: probe.CauseReset, Object: r.URL, Err: fmt.Errorf("reset by %s", password)}
			}
			a := body(fmt.Sprintf("%s %s %v %s", password, r.Body, r.Header, "YW4gaHVudGVy"))
			a.Status = 500
			a.Header.Set("X-Echo", password+" "+token)
			return a, nil
		}}
		suite := read(t, `
timeout: 20s
variables: {url: "http://h/${PASSWORD}"}
checks:
  - name: leak
    steps:
      - url: http://h/login
        captures: {t: {jq: .t}}
      - url: "{{url}}/x?key=${PASSWORD}"
        headers: {X-Key: "{{t}}"}
        json: {p: "${PASSWORD}"}
        status: 2xx,500
        asserts:
          - header: {name: X-Echo, equals: "not ${PASSWORD}"}
          - body: {contains: "no {{t}}"}
`, map[string]string{"PASSWORD": password})
		result := smoke.Run(t.Context(), suite, s, smoke.Options{})
		shown := fmt.Sprintf("%+v %+v %s", *result.Checks[0], result.Checks[0].Findings, result.Checks[0].Excerpt)
		shown = regexp.MustCompile(`lastBody:\[[0-9 ]*\] captured:map\[[^\]]*\]`).ReplaceAllString(shown, "")
		for _, secret := range []string{password, "hunter2+%26+co", "hunter2%20&%20co", token, "hunter2"} {
			if strings.Contains(shown, secret) {
				t.Errorf("%q is shown in %s", secret, shown)
			}
		}
		if result.OK() || len(result.Checks[0].Findings) == 0 {
			t.Error("the check must fail with findings, to have something to show")
		}
	})
}
