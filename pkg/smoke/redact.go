package smoke

import (
	"encoding/base64"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// ShortestSecret is the length in bytes under which a text is no secret: to
// hide every "1" would hide the result.
const ShortestSecret = 4

const hidden = "***"

// secrets are texts that must not be shown, in the forms that they take.
type secrets struct {
	mu    sync.Mutex
	forms []string
}

// Redact takes secrets, and what looks like one, out of a text.
func Redact(text string, values []string) string {
	var s secrets
	s.add(values...)
	return s.redact(text)
}

func (s *secrets) add(values ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := slices.Clone(s.forms) // redact reads the old list without the lock
	for _, value := range values {
		if len(value) < ShortestSecret {
			continue
		}
		for _, form := range []string{
			value, url.QueryEscape(value), url.PathEscape(value),
			base64.StdEncoding.EncodeToString([]byte(value)), strings.Join(strings.Fields(value), " "),
		} {
			if !slices.Contains(all, form) {
				all = append(all, form)
			}
		}
	}
	// The longest first, lest a part of one uncovers the rest of another.
	slices.SortFunc(all, func(a, b string) int { return len(b) - len(a) })
	s.forms = all
}

// sensitive finds what looks like a secret that nobody declared: JSON members
// and form or query fields of telling names, bearer tokens, JSON Web Tokens.
var sensitive = []*regexp.Regexp{
	regexp.MustCompile(`(?i)("[^"]*(?:passw|secret|token|api_?-?key|authorization|credential|session|private)[^"]*"\s*:\s*")[^"]*`),
	regexp.MustCompile(`(?i)(\b[a-z_-]*(?:passw(?:or)?d|secret|token|api_?-?key|signature|credential|session)=)[^&\s"']+`),
	regexp.MustCompile(`(?i)(\b(?:bearer|basic) )[a-z0-9._~+/=-]{8,}`),
	regexp.MustCompile(`()\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*`),
	regexp.MustCompile(`(://)[^/\s@]+(@)`),
}

func (s *secrets) redact(text string) string {
	if text == "" {
		return ""
	}
	s.mu.Lock()
	forms := s.forms
	s.mu.Unlock()
	for _, form := range forms {
		text = strings.ReplaceAll(text, form, hidden)
	}
	for _, pattern := range sensitive {
		text = pattern.ReplaceAllString(text, "${1}"+hidden+"${2}")
	}
	return text
}

// clean takes the secrets out of everything that a result shows.
func (s *secrets) clean(r *CheckResult) {
	r.Target = s.redact(r.Target)
	r.Excerpt = s.redact(r.Excerpt)
	for i := range r.Findings {
		f := &r.Findings[i]
		f.Expected, f.Seen, f.Try = s.redact(f.Expected), s.redact(f.Seen), s.redact(f.Try)
	}
	if r.Version != nil {
		r.Version.Expected = s.redact(r.Version.Expected)
		others := map[string]int{}
		for version, n := range r.Version.Others {
			others[s.redact(version)] += n
		}
		r.Version.Others, r.Version.Why = others, s.redact(r.Version.Why)
	}
	if r.Compare != nil {
		for i := range r.Compare.Differences {
			r.Compare.Differences[i] = s.redact(r.Compare.Differences[i])
		}
	}
}
