// Package timetable reads the schedule expressions of EventBridge Scheduler and Application Auto Scaling: at(…), rate(…)
// and cron(…), in any time zone. https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
package timetable

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // time zones on machines that have none installed

	"github.com/adhocore/gronx"
)

// Expression says when a schedule fires.
type Expression interface {
	// Next is the first moment after t, false if there is none.
	Next(after time.Time) (time.Time, bool)
}

// Parse reads at(…), rate(…) or cron(…). start is where a rate begins.
func Parse(s string, zone *time.Location, start time.Time) (Expression, error) {
	kind, rest, ok := strings.Cut(s, "(")
	body, closed := strings.CutSuffix(rest, ")")
	if !ok || !closed {
		return nil, fmt.Errorf("invalid schedule expression %s", s)
	}
	switch kind {
	case "at":
		return parseAt(body, zone)
	case "rate":
		return parseRate(body, start)
	case "cron":
		return parseCron(body, zone)
	}
	return nil, fmt.Errorf("invalid schedule expression %s", s)
}

type at struct{ when time.Time }

func parseAt(body string, zone *time.Location) (Expression, error) {
	when, err := time.ParseInLocation("2006-01-02T15:04:05", body, zone)
	if err != nil {
		return nil, fmt.Errorf("invalid schedule expression at(%s): want at(yyyy-mm-ddThh:mm:ss)", body)
	}
	return at{when}, nil
}

// Next is the one moment, if it is yet to come.
func (e at) Next(after time.Time) (time.Time, bool) { return e.when, e.when.After(after) }

type rate struct {
	start time.Time
	every time.Duration
}

func parseRate(body string, start time.Time) (Expression, error) {
	number, unit, _ := strings.Cut(body, " ")
	n, err := strconv.Atoi(number)
	units := map[string]time.Duration{"minute": time.Minute, "hour": time.Hour, "day": 24 * time.Hour}
	length, known := units[strings.TrimSuffix(unit, "s")]
	if err != nil || n < 1 || !known {
		return nil, fmt.Errorf("invalid schedule expression rate(%s): want rate(5 minutes), hours or days", body)
	}
	return rate{start, time.Duration(n) * length}, nil
}

// Next counts whole intervals from the start.
func (e rate) Next(after time.Time) (time.Time, bool) {
	if after.Before(e.start) {
		return e.start, true
	}
	passed := after.Sub(e.start) / e.every
	return e.start.Add((passed + 1) * e.every), true
}

type cron struct {
	expr string // in gronx's dialect
	zone *time.Location
}

var weekday = regexp.MustCompile(`(^|[,-])([1-7])`)

// parseCron turns AWS's six fields (minute, hour, day, month, weekday, year) into gronx's, which counts weekdays from 0.
func parseCron(body string, zone *time.Location) (Expression, error) {
	fields := strings.Fields(body)
	if len(fields) != 6 || (fields[2] == "?") == (fields[4] == "?") {
		return nil, fmt.Errorf("invalid schedule expression cron(%s): want six fields, with ? for the day of the month "+
			"or the day of the week", body)
	}
	fields[4] = weekday.ReplaceAllStringFunc(fields[4], func(m string) string {
		return m[:len(m)-1] + string(m[len(m)-1]-1)
	})
	if fields[4] == "L" {
		fields[4] = "6" // Saturday
	}
	expr := "0 " + strings.ReplaceAll(strings.Join(fields, " "), "?", "*") // gronx's first field is the second
	if !gronx.IsValid(expr) {
		return nil, fmt.Errorf("invalid schedule expression cron(%s)", body)
	}
	return cron{expr, zone}, nil
}

// Next walks the wall clock of the time zone and skips moments that do not exist there (the hour that spring takes).
func (e cron) Next(after time.Time) (time.Time, bool) {
	local := after.In(e.zone)
	wall := time.Date(local.Year(), local.Month(), local.Day(), local.Hour(), local.Minute(), local.Second(), 0, time.UTC)
	for range 2 * 60 { // an hour that spring takes has sixty minutes
		tick, err := gronx.NextTickAfter(e.expr, wall, false)
		if err != nil {
			return time.Time{}, false // no such moment in the years to come
		}
		moment := time.Date(tick.Year(), tick.Month(), tick.Day(), tick.Hour(), tick.Minute(), 0, 0, e.zone)
		if moment.Hour() == tick.Hour() && moment.After(after) {
			return moment, true
		}
		wall = tick
	}
	return time.Time{}, false
}
