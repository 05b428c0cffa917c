package namespace

import (
	"fmt"
	"time"
)

// layout is lower case, because CloudFormation lowercases RDS identifiers and
// a name that changes on the way cannot be found again.
const layout = "20060102t150405z"

// Timestamp identifies one version of an environment's database, such as
// 20260102t150405z. Timestamps order as strings.
type Timestamp string

// TimestampOf returns the timestamp of t, in UTC, to the second.
func TimestampOf(t time.Time) Timestamp { return Timestamp(t.UTC().Format(layout)) }

// ParseTimestamp reads a timestamp.
func ParseTimestamp(s string) (Timestamp, error) {
	t, err := time.Parse(layout, s)
	if err != nil || TimestampOf(t) != Timestamp(s) {
		return "", fmt.Errorf("timestamp %q is not of the form %s", s, layout)
	}
	return Timestamp(s), nil
}

// Time returns the moment in UTC; the zero time if t is malformed.
func (t Timestamp) Time() time.Time {
	moment, err := time.Parse(layout, string(t))
	if err != nil {
		return time.Time{}
	}
	return moment
}

// Before tells whether t is older than u.
func (t Timestamp) Before(u Timestamp) bool { return t < u }
