package smoke

import (
	"fmt"
	"strconv"
	"strings"
)

// StatusSet is a set of HTTP statuses, such as 200, 2xx or 200-204. Its zero
// value is empty.
type StatusSet struct {
	ranges [][2]int
	text   string
}

// ParseStatusSet reads statuses, classes and ranges that are separated by
// commas or spaces.
func ParseStatusSet(s string) (StatusSet, error) {
	var set StatusSet
	items := strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' || r == '\t' })
	for _, item := range items {
		low, high, ok := parseStatusRange(item)
		if !ok {
			return StatusSet{}, fmt.Errorf("%q is not a status (200), a class (2xx) or a range (200-204)", item)
		}
		set.ranges = append(set.ranges, [2]int{low, high})
	}
	set.text = strings.Join(items, ", ")
	return set, nil
}

// unready is what load balancers and starting services answer.
var unready = StatusSet{[][2]int{{408, 408}, {425, 425}, {429, 429}, {500, 599}}, "408, 425, 429, 5xx"}

// Success is the class of statuses that a step expects unless it says otherwise.
var Success = StatusSet{[][2]int{{200, 299}}, "2xx"}

func parseStatusRange(s string) (low, high int, ok bool) {
	if class, isClass := strings.CutSuffix(strings.ToLower(s), "xx"); isClass {
		n, err := strconv.Atoi(class)
		return n * 100, n*100 + 99, err == nil && len(class) == 1 && n >= 1 && n <= 5
	}
	first, last, isRange := strings.Cut(s, "-")
	if !isRange {
		last = first
	}
	low, errLow := strconv.Atoi(first)
	high, errHigh := strconv.Atoi(last)
	return low, high, errLow == nil && errHigh == nil && low >= 100 && high <= 599 && low <= high
}

// Has tells whether the set holds the status.
func (s StatusSet) Has(status int) bool {
	for _, r := range s.ranges {
		if status >= r[0] && status <= r[1] {
			return true
		}
	}
	return false
}

// String returns the set as it was written.
func (s StatusSet) String() string { return s.text }
