package githubtest

import (
	"net/http"
	"slices"
	"strings"
)

// event is what GitHub remembers of a label.
type event struct {
	ID    int64             `json:"id"`
	Event string            `json:"event"`
	Actor User              `json:"actor"`
	Label map[string]string `json:"label"`
}

// Label sets a label on a pull request, as somebody with the role triage or
// more can, and an app whose login ends with [bot]. It is false if GitHub
// refuses that.
func (s *Server) Label(number int, who, label string) bool {
	return s.relabel(number, who, label, "labeled")
}

// Unlabel removes a label.
func (s *Server) Unlabel(number int, who, label string) bool {
	return s.relabel(number, who, label, "unlabeled")
}

func (s *Server) relabel(number int, who, label, what string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	user := User{Login: who, Type: "User"}
	if strings.HasSuffix(who, "[bot]") {
		user.Type = "Bot"
	}
	may := user.Type == "Bot" || slices.Contains([]string{"triage", "write", "maintain", "admin"}, s.Roles[who])
	i := slices.IndexFunc(s.Pulls, func(p Pull) bool { return p.Number == number })
	if i < 0 || !may {
		return false
	}
	at := slices.Index(s.Pulls[i].Labels, label)
	switch {
	case (what == "labeled") == (at >= 0):
		return true // which is no event
	case at >= 0:
		s.Pulls[i].Labels = slices.Delete(slices.Clone(s.Pulls[i].Labels), at, at+1)
	default:
		s.Pulls[i].Labels = append(slices.Clone(s.Pulls[i].Labels), label)
	}
	s.next++
	s.events[number] = append(s.events[number], event{ID: s.next, Event: what, Actor: user, Label: map[string]string{"name": label}})
	return true
}

// permission tells a user's role. Of apps and of accounts that are gone GitHub
// knows none.
func (s *Server) permission(w http.ResponseWriter, who string) {
	role := s.Roles[who]
	if strings.HasSuffix(who, "[bot]") || role == "none" {
		fail(w, http.StatusNotFound, who+" is not a user")
		return
	}
	if role == "" {
		role = "read"
	}
	legacy := map[string]string{"maintain": "write", "triage": "read"}[role]
	if legacy == "" {
		legacy = role
	}
	answer(w, http.StatusOK, map[string]any{"permission": legacy, "role_name": role, "user": User{Login: who, Type: "User"}})
}
