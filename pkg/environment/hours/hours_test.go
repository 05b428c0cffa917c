package hours

import (
	"strings"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	tests := []struct {
		in, start, stop string
		saved           int
	}{
		{"mon-fri 08:00-18:00 Africa/Lagos", "cron(0 8 ? * MON,TUE,WED,THU,FRI *)", "cron(0 18 ? * MON,TUE,WED,THU,FRI *)", 70},
		{"sat,mon 09:30-10:00 UTC", "cron(30 9 ? * MON,SAT *)", "cron(0 10 ? * MON,SAT *)", 99},
		{"fri-mon 00:00-24:00 UTC", "cron(0 0 ? * MON,FRI,SAT,SUN *)", "cron(0 0 ? * MON,TUE,SAT,SUN *)", 43},
	}
	for _, test := range tests {
		h, err := Parse(test.in)
		if err != nil {
			t.Errorf("Parse(%q): %v", test.in, err)
			continue
		}
		if h.Start() != test.start || h.Stop() != test.stop || h.Saved() != test.saved {
			t.Errorf("Parse(%q): %s, %s, %d %%", test.in, h.Start(), h.Stop(), h.Saved())
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for given, want := range map[string]string{
		"": "are not of the form", "mon-fri": "are not of the form", "mon-fri 8-18 UTC": `time "8"`,
		"mon-fri 18:00-08:00 UTC": "is not before", "mon-fri 08:00-18:00 Lagos": `time zone "Lagos"`,
		"mo-fr 08:00-18:00 UTC": `"mo-fr" is not one of`, "mon-fri 08:00-25:00 UTC": "is not FROM-TO",
		"mon-fri 08:00 UTC": "is not FROM-TO", "mon- 08:00-09:00 UTC": "is not one of", "mon 08:00-09:00 Local": "time zone",
	} {
		if _, err := Parse(given); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Parse(%q): %v, want %q", given, err, want)
		}
	}
}

func TestOn(t *testing.T) {
	h, err := Parse("mon-fri 08:00-18:00 Africa/Lagos")
	if err != nil {
		t.Fatal(err)
	}
	if h.Holidays, err = ParseHolidays([]string{"2026-12-25 Christmas"}); err != nil {
		t.Fatal(err)
	}
	for moment, want := range map[string]bool{
		"2026-11-20T07:00:00Z": true,  // Friday, 08:00 in Lagos
		"2026-11-20T06:59:59Z": false, // a second before
		"2026-11-20T17:00:00Z": false, // 18:00
		"2026-11-21T10:00:00Z": false, // Saturday
		"2026-12-25T10:00:00Z": false, // a holiday
	} {
		at, err := time.Parse(time.RFC3339, moment)
		if err != nil || h.On(at) != want {
			t.Errorf("On(%s) = %v, %v", moment, h.On(at), err)
		}
	}
	if _, err := ParseHolidays([]string{"Christmas"}); err == nil {
		t.Error("a holiday without date is accepted")
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"mon-fri 08:00-18:00 Africa/Lagos", "sat,mon 09:30-10:00 UTC", "- - -", "sun-sun 00:00-24:00 UTC"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		h, err := Parse(s)
		if err == nil && (h.Share() <= 0 || h.Share() > 1) {
			t.Errorf("Parse(%q) runs %v of the week", s, h.Share())
		}
	})
}
