package notify_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/org/shipkit/pkg/notify"
)

// channel fails as its list says, then takes the message.
type channel struct {
	errs []error
	at   []time.Duration
	born time.Time
}

func (c *channel) Name() string { return "test" }

func (c *channel) Send(context.Context, notify.Message) error {
	c.at = append(c.at, time.Since(c.born))
	if n := len(c.at); n <= len(c.errs) {
		return c.errs[n-1]
	}
	return nil
}

func TestSendTriesAgain(t *testing.T) {
	temporary := func(after time.Duration) error {
		return &notify.TemporaryError{Err: errors.New("status 503"), After: after}
	}
	wrapped := fmt.Errorf("outer: %w", temporary(0))
	for name, test := range map[string]struct {
		errs     []error
		attempts int
		fails    bool
		from, to time.Duration
	}{
		"arrives":              {nil, 1, false, 0, 0},
		"arrives at the third": {[]error{temporary(0), wrapped}, 3, false, 2400 * time.Millisecond, 3600 * time.Millisecond},
		"asks to wait":         {[]error{temporary(20 * time.Second)}, 2, false, 20 * time.Second, 20 * time.Second},
		"asks for too long":    {[]error{temporary(time.Hour)}, 1, true, 0, 0},
		"cannot arrive":        {[]error{errors.New("status 404")}, 1, true, 0, 0},
		"the time is up": {
			[]error{temporary(0), temporary(0), temporary(0), temporary(0), temporary(0), temporary(0), temporary(0), temporary(0)},
			6, true, 24 * time.Second, 60 * time.Second,
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := &channel{errs: test.errs, born: time.Now()}
				got := notify.Send(t.Context(), []notify.Channel{c}, notify.Message{}, notify.Options{Timeout: time.Minute})[0]
				if d := got.Attempts - test.attempts; d < -1 || d > 1 || test.attempts < 6 && d != 0 || (got.Err != nil) != test.fails || got.Channel != "test" {
					t.Errorf("%+v, want %d attempts, failed: %t", got, test.attempts, test.fails)
				}
				if last := c.at[len(c.at)-1]; last < test.from || last > test.to {
					t.Errorf("last attempt after %s, want %s to %s", last, test.from, test.to)
				}
			})
		})
	}
}

func TestRender(t *testing.T) {
	values := map[string]string{"environment": "staging", "version": "sha256:9f86d081884c7d659a2feaa0c55ad015", "bad": "{{.environment}}"}
	for text, want := range map[string]string{
		"plain":                         "plain",
		"{{upper .environment}} is up ": "STAGING is up",
		"{{short .version}}":            "9f86d081884c",
		"{{.bad}}":                      "{{.environment}}", // a value is no template
	} {
		if got, err := notify.Render(text, values); err != nil || got != want {
			t.Errorf("%q renders as %q, %v, want %q", text, got, err, want)
		}
	}
	for _, text := range []string{"{{.unknown}}", "{{", "{{nothing}}", "{{wrong .environment}}", "{{.a b}}", strings.Repeat("{{.version}}", 2000)} {
		if got, err := notify.Render(text, values); err == nil {
			t.Errorf("%q renders as %.40q, want an error", text, got)
		}
	}
}

func FuzzRender(f *testing.F) {
	for _, seed := range []string{"{{.a}}", "{{ upper .a }}{{", "{{short .a}}}}"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := notify.Render(text, map[string]string{"a": "b"})
		if err == nil && len(got) > 16<<10 {
			t.Fatalf("%d bytes", len(got))
		}
	})
}
