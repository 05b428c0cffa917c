package timetable

import (
	"testing"
	"time"
)

func TestNext(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, expression, zone, after, want string // want empty: never
	}{
		{"at", "at(2026-03-01T10:00:00)", "UTC", "2026-02-01T00:00:00Z", "2026-03-01T10:00:00Z"},
		{"at in a zone", "at(2026-03-01T10:00:00)", "Africa/Lagos", "2026-02-01T00:00:00Z", "2026-03-01T09:00:00Z"},
		{"at in the past", "at(2026-01-01T10:00:00)", "UTC", "2026-02-01T00:00:00Z", ""},
		{"rate", "rate(5 minutes)", "UTC", "2026-01-01T00:07:00Z", "2026-01-01T00:10:00Z"},
		{"rate of one", "rate(1 hour)", "UTC", "2026-01-01T02:00:00Z", "2026-01-01T03:00:00Z"},
		{"weekdays from Friday evening", "cron(0 8 ? * MON-FRI *)", "Africa/Lagos", "2026-11-20T18:00:00Z", "2026-11-23T07:00:00Z"},
		{"weekday by number, 2 is Monday", "cron(0 8 ? * 2 *)", "UTC", "2026-11-20T18:00:00Z", "2026-11-23T08:00:00Z"},
		{"weekdays by range of numbers", "cron(0 8 ? * 2-6 *)", "UTC", "2026-11-20T18:00:00Z", "2026-11-23T08:00:00Z"},
		{"last day of the month", "cron(0 0 L * ? *)", "UTC", "2026-02-03T00:00:00Z", "2026-02-28T00:00:00Z"},
		{"last Friday", "cron(0 0 ? * 6L *)", "UTC", "2026-11-03T00:00:00Z", "2026-11-27T00:00:00Z"},
		{"third Monday", "cron(0 0 ? * 2#3 *)", "UTC", "2026-11-03T00:00:00Z", "2026-11-16T00:00:00Z"},
		{"a year", "cron(0 0 1 1 ? 2028)", "UTC", "2026-11-03T00:00:00Z", "2028-01-01T00:00:00Z"},
		{"a year gone by", "cron(0 0 1 1 ? 2025)", "UTC", "2026-11-03T00:00:00Z", ""},
		{"every ten minutes", "cron(0/10 * ? * * *)", "UTC", "2026-11-03T00:01:00Z", "2026-11-03T00:10:00Z"},
		{"summer time", "cron(0 8 ? * * *)", "Europe/Berlin", "2026-07-01T12:00:00Z", "2026-07-02T06:00:00Z"},
		{"winter time", "cron(0 8 ? * * *)", "Europe/Berlin", "2026-12-01T12:00:00Z", "2026-12-02T07:00:00Z"},
		{"the hour that spring takes", "cron(30 2 ? * * *)", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-30T00:30:00Z"},
		{"once in the hour that autumn repeats", "cron(30 2 ? * * *)", "Europe/Berlin", "2026-10-25T01:30:00Z", "2026-10-26T01:30:00Z"},
		{"and not again in its second pass", "cron(30 2 ? * * *)", "Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			zone, err := time.LoadLocation(test.zone)
			if err != nil {
				t.Fatal(err)
			}
			e, err := Parse(test.expression, zone, moment(t, "2026-01-01T00:00:00Z"))
			if err != nil {
				t.Fatal(err)
			}
			got, ok := e.Next(moment(t, test.after))
			switch {
			case ok != (test.want != ""):
				t.Errorf("next = %s, %t, want %q", got, ok, test.want)
			case ok && !got.Equal(moment(t, test.want)):
				t.Errorf("next = %s, want %s", got.UTC(), test.want)
			}
		})
	}
}

func moment(t *testing.T, s string) time.Time {
	t.Helper()
	m, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

var malformed = []string{"", "at()", "at(2026-01-01)", "rate(0 minutes)", "rate(5 weeks)", "rate(5)", "cron(0 8 * * * *)",
	"cron(0 8 ? * ? *)", "cron(0 8 ? *)", "cron(99 8 ? * MON *)", "every(5 minutes)", "cron(0 8 ? * MON *", "at(2026-01-01T00:00:00Z)"}

func TestMalformedExpressions(t *testing.T) {
	t.Parallel()
	for _, s := range malformed {
		if e, err := Parse(s, time.UTC, time.Now()); err == nil {
			t.Errorf("%q was taken as %v", s, e)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range append(malformed, "cron(0/10 * ? * MON-FRI 2026-2030)", "rate(1 day)", "at(2026-01-01T00:00:00)") {
		f.Add(s)
	}
	after := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, s string) {
		e, err := Parse(s, time.UTC, after)
		if err != nil {
			return
		}
		if next, ok := e.Next(after); ok && !next.After(after) {
			t.Errorf("%q: next after %s is %s", s, after, next)
		}
	})
}
