// Package hours reads when an environment runs, such as
//
//	mon-fri 08:00-18:00 Africa/Lagos
//
// and says it in EventBridge's cron expressions
// (https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html).
package hours

import (
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // a runner may have no zone files
)

// Hours is when something runs each week.
type Hours struct {
	// Days are the days that it runs on, Sunday first.
	Days [7]bool
	// From and To are the times of day, to the minute.
	From, To time.Duration
	Zone     *time.Location
	// Holidays are dates without any hours, as 2006-01-02.
	Holidays map[string]bool
}

var names = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// Parse reads "DAYS FROM-TO ZONE". DAYS is a list of days and ranges of days:
// mon-fri, or sat,mon-wed. FROM is before TO, both within one day.
func Parse(s string) (Hours, error) {
	var h Hours
	fields := strings.Fields(s)
	if len(fields) != 3 {
		return h, fmt.Errorf("hours %q are not of the form \"mon-fri 08:00-18:00 Africa/Lagos\"", s)
	}
	var err error
	if h.Days, err = parseDays(strings.ToLower(fields[0])); err != nil {
		return h, err
	}
	from, to, found := strings.Cut(fields[1], "-")
	if h.From, err = parseTime(from); err != nil {
		return h, err
	}
	if h.To, err = parseTime(to); err != nil || !found {
		return h, fmt.Errorf("hours %q: %q is not FROM-TO, such as 08:00-18:00", s, fields[1])
	}
	if h.From >= h.To {
		return h, fmt.Errorf("hours %q: %s is not before %s", s, from, to)
	}
	if h.Zone, err = time.LoadLocation(fields[2]); err != nil || fields[2] == "Local" {
		return h, fmt.Errorf("hours %q: time zone %q is not known; use one such as Africa/Lagos or UTC", s, fields[2])
	}
	return h, nil
}

func parseDays(s string) (days [7]bool, err error) {
	for _, part := range strings.Split(s, ",") {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		from, to := day(first), day(last)
		if from < 0 || to < 0 {
			return days, fmt.Errorf("days %q: %q is not one of %s, or a range of two", s, part, strings.Join(names, ", "))
		}
		for i := from; ; i = (i + 1) % 7 {
			days[i] = true
			if i == to {
				break
			}
		}
	}
	return days, nil
}

func day(name string) int {
	for i, known := range names {
		if known == name {
			return i
		}
	}
	return -1
}

// parseTime reads 08:00. 24:00 is the end of the day.
func parseTime(s string) (time.Duration, error) {
	if s == "24:00" {
		return 24 * time.Hour, nil
	}
	t, err := time.Parse("15:04", s)
	if err != nil {
		return 0, fmt.Errorf("time %q is not of the form 08:00", s)
	}
	return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute, nil
}

// On tells whether it runs at a moment.
func (h Hours) On(at time.Time) bool {
	at = at.In(h.Zone)
	since := time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute + time.Duration(at.Second())*time.Second
	return h.Days[at.Weekday()] && !h.Holidays[at.Format(time.DateOnly)] && since >= h.From && since < h.To
}

// Share is the part of the week that it runs, from 0 to 1.
func (h Hours) Share() float64 {
	days := 0
	for _, on := range h.Days {
		if on {
			days++
		}
	}
	return float64(days) * (h.To - h.From).Hours() / (7 * 24)
}

// Saved is the part of the week in percent that it does not run, and so what
// is saved of what is paid by the hour.
func (h Hours) Saved() int { return int((1-h.Share())*100 + 0.5) }

// Start and Stop are the cron expressions of the two switches.
func (h Hours) Start() string { return h.cron(h.From, h.Days) }

// Stop is the cron expression of the evening. 24:00 is midnight of the day
// after.
func (h Hours) Stop() string {
	days := h.Days
	if h.To == 24*time.Hour {
		for i, on := range h.Days {
			days[(i+1)%7] = on
		}
	}
	return h.cron(h.To%(24*time.Hour), days)
}

func (h Hours) cron(at time.Duration, days [7]bool) string {
	var on []string
	for i := range days {
		if days[(i+1)%7] { // Monday first, as people write it
			on = append(on, strings.ToUpper(names[(i+1)%7]))
		}
	}
	return fmt.Sprintf("cron(%d %d ? * %s *)", int(at.Minutes())%60, int(at.Hours()), strings.Join(on, ","))
}

// ParseHolidays reads dates, one a line, as 2026-12-25 with anything after it
// as a remark.
func ParseHolidays(lines []string) (map[string]bool, error) {
	holidays := map[string]bool{}
	for _, line := range lines {
		date, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		if _, err := time.Parse(time.DateOnly, date); err != nil {
			return nil, fmt.Errorf("holiday %q does not begin with a date such as 2026-12-25", line)
		}
		holidays[date] = true
	}
	return holidays, nil
}
