package smoke_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/org/shipkit/pkg/smoke"
	"github.com/org/shipkit/pkg/smoke/probe"
	"github.com/org/shipkit/pkg/smoke/template"
)

const newVersion, oldVersion = "def5678901234567", "abc1234567890123"

func gated(t *testing.T) *smoke.Check {
	t.Helper()
	query, err := smoke.CompileJQ(".version", nil)
	if err != nil {
		t.Fatal(err)
	}
	c := newCheck()
	c.Version = &smoke.VersionGate{Expect: template.Literal(newVersion), JQ: query, Samples: 10}
	return c
}

func TestVersionGate(t *testing.T) {
	for name, test := range map[string]struct {
		// fresh gives the version that the nth fresh connection meets.
		fresh   func(n int) string
		verdict smoke.Verdict
		seen    string
		met     int
	}{
		"new everywhere":          {func(int) string { return newVersion }, smoke.Passed, "", 10},
		"old everywhere":          {func(int) string { return oldVersion }, smoke.Failed, "80 of 80 answers came from the old version " + oldVersion, 0},
		"old goes away in time":   {func(n int) string { return pick(n <= 25 && n%5 == 0, oldVersion, newVersion) }, smoke.Passed, "", 40},
		"old stays, two of ten":   {func(n int) string { return pick(n%5 == 0, oldVersion, newVersion) }, smoke.Failed, "16 of 80 answers came from the old version " + oldVersion, 64},
		"some tell no version":    {func(n int) string { return pick(n%2 == 0, "", newVersion) }, smoke.Failed, "40 of 80 answers told no version", 40},
		"a lucky round is not it": {func(n int) string { return pick(n == 3 || n%20 == 0, oldVersion, newVersion) }, smoke.Failed, "4 of 80 answers", 76},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fresh := 0
				s := &service{answer: func(_ int, r probe.Request) (*probe.Answer, error) {
					if r.Turn == 0 {
						return body(`{"version":"` + newVersion + `"}`), nil
					}
					fresh++
					v := test.fresh(fresh)
					if v == "" {
						return body("{}"), nil
					}
					return body(`{"version":"` + v + `"}`), nil
				}}
				result := run(t, s, gated(t))
				got := result.Checks[0]
				if got.Verdict != test.verdict {
					t.Fatalf("%s, want %s: %+v", got.Verdict, test.verdict, got.Findings)
				}
				if test.seen != "" && !strings.HasPrefix(got.Findings[0].Seen, test.seen) {
					t.Errorf("seen %q, want %q", got.Findings[0].Seen, test.seen)
				}
				if got.Version.Met != test.met {
					t.Errorf("%d samples of the last round met the version, want %d", got.Version.Met, test.met)
				}
			})
		})
	}
}

// An answer that tells no version says why, and waiting is not the remedy.
func TestVersionIsNotTold(t *testing.T) {
	for answer, want := range map[string]string{
		"<html>":         "10 of 10 answers told no version (the body is not JSON: ",
		`{"v":"2"}`:      "10 of 10 answers told no version (.version is null)",
		`{"version":""}`: "10 of 10 answers told no version (.version is empty)",
	} {
		t.Run(answer, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := gated(t)
				c.Timeout = 500 * time.Millisecond
				f := run(t, &service{answer: func(int, probe.Request) (*probe.Answer, error) { return body(answer), nil }}, c).Checks[0].Findings[0]
				if !strings.HasPrefix(f.Seen, want) || !strings.Contains(f.Try, "correct version-path") {
					t.Errorf("seen %q, try %q", f.Seen, f.Try)
				}
			})
		})
	}
}

// All steps of a sample go to one address, and the next sample to the next one:
// with a login before it, the request for the version must not always meet the
// same half of the addresses.
func TestVersionGateTakesTurnsBySample(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var turns []int
		s := &service{answer: func(_ int, r probe.Request) (*probe.Answer, error) {
			if r.Turn > 0 {
				turns = append(turns, r.Turn)
			}
			return body(`{"version":"` + newVersion + `"}`), nil
		}}
		c := gated(t)
		c.Steps = append(c.Steps, c.Steps[0])
		c.Version.Samples = 3
		run(t, s, c)
		if want := []int{1, 1, 2, 2, 3, 3}; !slices.Equal(turns, want) {
			t.Errorf("turns %v, want %v", turns, want)
		}
	})
}

func TestVersionGateIsTriedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{answer: func(n int, _ probe.Request) (*probe.Answer, error) {
			return body(`{"version":"` + pick(n == 4 || n == 7, oldVersion, newVersion) + `"}`), nil
		}}
		c := gated(t)
		c.Timeout = 500 * time.Millisecond // no time for a second round
		got := run(t, s, c).Checks[0]
		want := "2 of 10 answers came from the old version " + oldVersion
		if got.Verdict != smoke.Failed || got.Findings[0].Seen != want {
			t.Errorf("%s: %+v, want %q", got.Verdict, got.Findings, want)
		}
	})
}

func TestSameVersion(t *testing.T) {
	const digest = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
	for _, test := range []struct {
		expected, seen string
		want           bool
	}{
		{"v1.2.3", "v1.2.3", true},
		{"v1.2.3", "v1.2.30", false},
		{"v1.2.3", "", false},
		{"", "", false},
		{digest, digest, true},
		{"repo/app@" + digest, digest, true},
		{digest, digest[7:], true},
		{digest[:19], digest, true},
		{digest, "sha256:0000000000000000000000000000000000000000000000000000000000000000", false},
		{"3f2a91c", "3f2a91c0d4e5f60718293a4b5c6d7e8f90a1b2c3", true},
		{"3f2a91", "3f2a91c0d4e5f60718293a4b5c6d7e8f90a1b2c3", false}, // 6 digits are no abbreviation
		{"3f2a91c0d4e5f60718293a4b5c6d7e8f90a1b2c3", " 3f2a91c ", true},
		{"1234567", "12345678", false},
		{"release-1", "release-12", false},
	} {
		if got := smoke.SameVersion(test.expected, test.seen); got != test.want {
			t.Errorf("SameVersion(%q, %q) = %t", test.expected, test.seen, got)
		}
	}
}

func pick(which bool, yes, no string) string {
	if which {
		return yes
	}
	return no
}

// The round that the end of the time cuts off says less than the one before.
func TestVersionGateTellsOfAWholeRound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{answer: func(n int, _ probe.Request) (*probe.Answer, error) {
			time.Sleep(300 * time.Millisecond)
			return body(`{"version":"` + pick(n == 4, oldVersion, newVersion) + `"}`), nil
		}}
		c := gated(t)
		c.Timeout = 6 * time.Second // ends in the second round
		got := run(t, s, c).Checks[0]
		if want := "1 of 10 answers came from the old version " + oldVersion; got.Findings[0].Seen != want || got.Version.Rounds != 1 {
			t.Errorf("%+v %+v, want %q", got.Findings, got.Version, want)
		}
	})
}
