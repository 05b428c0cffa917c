package config

import "strings"

// expand replaces ${NAME} by what getenv knows, and $$ by $. It returns the
// names that are not set. Anything else with a dollar sign stays.
func expand(s string, getenv func(string) string) (expanded string, missing []string) {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(s, "$")
		b.WriteString(before)
		if !found {
			return b.String(), missing
		}
		if rest, ok := strings.CutPrefix(after, "$"); ok {
			b.WriteByte('$')
			s = rest
			continue
		}
		name, rest, closed := strings.Cut(strings.TrimPrefix(after, "{"), "}")
		if !strings.HasPrefix(after, "{") || !closed || name == "" || strings.ContainsAny(name, "${ \n") {
			b.WriteByte('$')
			s = after
			continue
		}
		if v := getenv(name); v != "" {
			b.WriteString(v)
		} else {
			missing = append(missing, name)
		}
		s = rest
	}
}
