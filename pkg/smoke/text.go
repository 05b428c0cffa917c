package smoke

import (
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// size returns a number of bytes in decimal units.
func size(n int64) string {
	switch {
	case n < 1000:
		return fmt.Sprintf("%d B", n)
	case n < 1_000_000:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	default:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	}
}

// short returns a duration without digits that mean nothing.
func short(d time.Duration) string {
	switch {
	case d < 10*time.Millisecond:
		return d.Round(100 * time.Microsecond).String()
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	default:
		return d.Round(100 * time.Millisecond).String()
	}
}

// count returns a number with its noun, in the plural where it must be.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

const excerptLength = 300

// excerpt returns the start of a body as one printable line.
func excerpt(body []byte) string {
	if len(body) > 4*excerptLength {
		body = body[:4*excerptLength]
	}
	return clip(strings.ToValidUTF8(string(body), "\uFFFD"), excerptLength)
}

// quote returns what a server sent as one short printable line.
func quote(s string) string { return `"` + clip(strings.ToValidUTF8(s, "\uFFFD"), 120) + `"` }

func clip(s string, limit int) string {
	printable := strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return ' '
		}
		if !unicode.IsPrint(r) && r != utf8.RuneError {
			return -1
		}
		return r
	}, s)
	words := strings.Join(strings.Fields(printable), " ")
	if utf8.RuneCountInString(words) <= limit {
		return words
	}
	return string([]rune(words)[:limit]) + "…"
}

func parseSetCookie(line string) (*http.Cookie, error) {
	c, err := http.ParseSetCookie(line)
	if err != nil {
		return nil, fmt.Errorf("read a cookie: %w", err)
	}
	return c, nil
}
