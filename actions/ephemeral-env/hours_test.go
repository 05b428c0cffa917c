package ephemeralenv

import (
	"testing"
	"time"

	"github.com/org/shipkit/pkg/environment"
	"github.com/org/shipkit/pkg/environment/hours"
)

func TestTurn(t *testing.T) {
	clock, err := hours.Parse("mon-fri 08:00-18:00 UTC")
	if err != nil {
		t.Fatal(err)
	}
	clock.Holidays = map[string]bool{"2026-11-25": true}
	at := func(text string) time.Time {
		moment, err := time.Parse("2006-01-02 15:04", text)
		if err != nil {
			t.Fatal(err)
		}
		return moment
	}
	ready, paused := environment.Ready, environment.Paused
	for name, test := range map[string]struct {
		state      environment.State
		since, now string // 2026-11-23 is a Monday
		clock      *hours.Hours
		want       environment.State
	}{
		"by day":                          {ready, "2026-11-23 09:00", "2026-11-23 17:59", &clock, ""},
		"the evening":                     {ready, "2026-11-23 09:00", "2026-11-23 18:00", &clock, paused},
		"deployed in the last hour":       {ready, "2026-11-23 17:30", "2026-11-23 18:17", &clock, paused},
		"woken at night":                  {ready, "2026-11-23 20:00", "2026-11-23 23:59", &clock, ""},
		"woken four hours ago":            {ready, "2026-11-23 20:00", "2026-11-24 00:00", &clock, paused},
		"the night":                       {paused, "2026-11-23 18:17", "2026-11-24 07:59", &clock, ""},
		"the morning":                     {paused, "2026-11-23 18:17", "2026-11-24 08:00", &clock, ready},
		"paused by hand":                  {paused, "2026-11-23 09:00", "2026-11-23 17:00", &clock, ""},
		"paused by hand the day before":   {paused, "2026-11-23 17:00", "2026-11-24 08:17", &clock, ready},
		"a holiday":                       {ready, "2026-11-24 09:00", "2026-11-25 08:17", &clock, paused},
		"asleep on a holiday":             {paused, "2026-11-24 18:17", "2026-11-25 12:00", &clock, ""},
		"after the holiday":               {paused, "2026-11-25 08:17", "2026-11-26 08:17", &clock, ready},
		"no hours":                        {ready, "2026-11-23 09:00", "2026-11-23 23:00", nil, ""},
		"paused without hours":            {paused, "2026-11-23 09:00", "2026-11-30 08:59", nil, ""},
		"its database has started itself": {paused, "2026-11-23 09:00", "2026-11-30 09:00", nil, paused},
		"being made":                      {environment.Creating, "2026-11-23 20:00", "2026-11-24 03:00", &clock, ""},
	} {
		r := environment.Record{State: test.state, Since: at(test.since)}
		if got := turn(r, test.clock, at(test.now)); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}
