package action

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Bytes is a size in bytes, given as 64MB (decimal) or 20MiB (binary).
type Bytes int64

// Rate is a speed in bytes per second, given as 8Mbit (a million bits each
// second) or 1MB (a million bytes each second).
type Rate int64

var sizeUnits = map[string]float64{
	"B": 1, "kB": 1e3, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12,
	"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40,
}

var rateUnits = map[string]float64{
	"bit": 1. / 8, "kbit": 1e3 / 8, "Kbit": 1e3 / 8, "Mbit": 1e6 / 8, "Gbit": 1e9 / 8,
	"bps": 1. / 8, "kbps": 1e3 / 8, "Kbps": 1e3 / 8, "Mbps": 1e6 / 8, "Gbps": 1e9 / 8,
}

// ParseBytes reads a size such as 64MB or 20MiB. Only 0 goes without a unit,
// and units keep their case, since Mb could be read as megabits.
func ParseBytes(s string) (Bytes, error) {
	n, err := parseQuantity(s, sizeUnits)
	return Bytes(n), err
}

// ParseRate reads a speed such as 8Mbit, 8Mbit/s or 1MB/s.
func ParseRate(s string) (Rate, error) {
	s = strings.TrimSuffix(s, "/s")
	n, err := parseQuantity(s, rateUnits)
	if errors.Is(err, errUnit) {
		n, err = parseQuantity(s, sizeUnits)
	}
	return Rate(n), err
}

var errUnit = errors.New("unknown unit")

func parseQuantity(s string, units map[string]float64) (int64, error) {
	if s == "0" {
		return 0, nil
	}
	digits := strings.TrimRight(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ ")
	factor, ok := units[strings.TrimSpace(s[len(digits):])]
	if !ok {
		return 0, fmt.Errorf("%w in %q", errUnit, s)
	}
	number, err := strconv.ParseFloat(digits, 64)
	if err != nil || number < 0 || strings.ContainsAny(digits, "xXpP_+") {
		return 0, fmt.Errorf("%q is not a number", digits)
	}
	total := math.Round(number * factor)
	if total >= math.MaxInt64 {
		return 0, fmt.Errorf("%q is too large", s)
	}
	return int64(total), nil
}
