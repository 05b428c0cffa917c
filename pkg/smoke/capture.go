package smoke

import (
	"context"
	"errors"
	"fmt"
	"regexp"

	"github.com/org/shipkit/pkg/smoke/probe"
)

// Capture keeps a part of an answer for the next requests. Exactly one source
// is set. Captured values are treated as secrets: they are often sessions.
type Capture struct {
	Name   string
	Place  Place
	JQ     *JQ
	Header string
	Cookie string
	// Body captures the first group of the expression, or its whole match.
	Body *regexp.Regexp
	// URL captures the address that answered, after redirects.
	URL bool
}

// take returns the captured value.
func (c Capture) take(ctx context.Context, a *probe.Answer, v Values) (string, error) {
	switch {
	case c.JQ != nil:
		value, err := c.JQ.eval(ctx, a.Body, v)
		if err == nil && value == nil {
			err = fmt.Errorf("jq %s gives null", c.JQ)
		}
		return text(value), err
	case c.Header != "":
		if value := a.Header.Get(c.Header); value != "" {
			return value, nil
		}
		return "", errors.New("no header " + c.Header)
	case c.Cookie != "":
		if value, ok := cookie(a, c.Cookie); ok {
			return value, nil
		}
		return "", errors.New("no cookie " + c.Cookie)
	case c.Body != nil:
		groups := c.Body.FindSubmatch(a.Body)
		if groups == nil {
			return "", fmt.Errorf("the body does not match %q", c.Body)
		}
		return string(groups[min(1, len(groups)-1)]), nil
	default:
		return a.URL, nil
	}
}
