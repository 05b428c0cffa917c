package githubtest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// list returns what a list shows: while Lag is set, the state before the last
// write, once.
func (s *Server) list(number int) []Comment {
	shown := s.listed[number]
	s.listed[number] = slices.Clone(s.comments[number])
	return shown
}

func (s *Server) wrote(number int) {
	if !s.Lag {
		s.listed[number] = slices.Clone(s.comments[number])
	}
}

func (s *Server) create(w http.ResponseWriter, r *http.Request, number int) {
	s.next++
	c := Comment{}
	decode(r, &c)
	c.ID, c.User, c.Association = s.next, User{Login: "github-actions[bot]", Type: "Bot"}, "NONE"
	s.comments[number] = append(s.comments[number], c)
	s.wrote(number)
	answer(w, http.StatusCreated, c)
}

func (s *Server) edit(w http.ResponseWriter, r *http.Request, id int64) {
	for number, comments := range s.comments {
		for i := range comments {
			if comments[i].ID == id {
				decode(r, &comments[i])
				comments[i].ID = id
				s.wrote(number)
				answer(w, http.StatusOK, comments[i])
				return
			}
		}
	}
	fail(w, http.StatusNotFound, "Not Found")
}

func (s *Server) remove(w http.ResponseWriter, id int64) {
	for number, comments := range s.comments {
		if i := slices.IndexFunc(comments, func(c Comment) bool { return c.ID == id }); i >= 0 {
			s.comments[number] = slices.Delete(slices.Clone(comments), i, i+1)
			s.wrote(number)
			w.WriteHeader(http.StatusNoContent)
			return
		}
	}
	fail(w, http.StatusNotFound, "Not Found")
}

func (s *Server) pulls(w http.ResponseWriter, r *http.Request) {
	var list []any
	for _, p := range s.Pulls {
		if p.State == r.URL.Query().Get("state") {
			list = append(list, s.pullJSON(p))
		}
	}
	page(w, r, list)
}

func (s *Server) pull(w http.ResponseWriter, number int) {
	for _, p := range s.Pulls {
		if p.Number == number {
			answer(w, http.StatusOK, s.pullJSON(p))
			return
		}
	}
	fail(w, http.StatusNotFound, "Not Found")
}

func (s *Server) pullJSON(p Pull) any {
	labels := []any{}
	for _, name := range p.Labels {
		labels = append(labels, map[string]any{"name": name})
	}
	head := p.Head
	if head == "" {
		head = s.Repository
	}
	return map[string]any{
		"number": p.Number, "state": p.State, "draft": p.Draft, "labels": labels,
		"head": map[string]any{"sha": p.SHA, "ref": p.Ref, "repo": map[string]any{"full_name": head}},
		"base": map[string]any{"ref": p.Base, "repo": map[string]any{"full_name": s.Repository}},
	}
}

func (s *Server) deployments(w http.ResponseWriter, r *http.Request) {
	var list []*Deployment
	for _, d := range s.Deployments {
		sha := r.URL.Query().Get("sha")
		if d.Environment == r.URL.Query().Get("environment") && (sha == "" || sha == d.Ref) {
			list = append(list, d)
		}
	}
	slices.Reverse(list) // the newest first
	page(w, r, list)
}

// states lists the states of a deployment, the newest first.
func (s *Server) states(w http.ResponseWriter, r *http.Request, id int64) {
	list := []map[string]string{}
	for _, d := range s.Deployments {
		if d.ID == id {
			for _, state := range slices.Backward(d.States) {
				list = append(list, map[string]string{"state": state})
			}
		}
	}
	page(w, r, list)
}

// setStatus writes a status of a commit.
func (s *Server) setStatus(w http.ResponseWriter, r *http.Request, sha string) {
	var given status
	decode(r, &given)
	s.Statuses[sha] = append(s.Statuses[sha], given.Context+"="+given.State)
	s.statuses[sha] = append([]status{given}, s.statuses[sha]...)
	answer(w, http.StatusCreated, given)
}

func (s *Server) mark(w http.ResponseWriter, r *http.Request, id int64) {
	var status struct {
		State string `json:"state"`
		URL   string `json:"environment_url"`
	}
	decode(r, &status)
	for _, d := range s.Deployments {
		if d.ID == id {
			d.States = append(d.States, status.State)
			d.URL = status.URL
			answer(w, http.StatusCreated, status)
			return
		}
	}
	fail(w, http.StatusNotFound, "Not Found")
}

// pattern replaces numbers by N.
func pattern(path []string) string {
	parts := slices.Clone(path)
	for i := range parts {
		if _, err := strconv.Atoi(parts[i]); err == nil {
			parts[i] = "N"
		}
	}
	return strings.Join(parts, "/")
}

func number(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}

// page answers one page of a list, at most 100 a page, with a Link header.
func page[T any](w http.ResponseWriter, r *http.Request, list []T) {
	size, at := number(r.URL.Query().Get("per_page")), max(1, number(r.URL.Query().Get("page")))
	if size <= 0 || size > 100 {
		size = 30
	}
	from, to := min((at-1)*size, len(list)), min(at*size, len(list))
	if to < len(list) {
		query := r.URL.Query()
		query.Set("page", strconv.Itoa(at+1))
		w.Header().Set("Link", fmt.Sprintf(`<http://%s%s?%s>; rel="next"`, r.Host, r.URL.Path, query.Encode()))
	}
	answer(w, http.StatusOK, append([]T{}, list[from:to]...))
}

func decode(r *http.Request, into any) { _ = json.NewDecoder(r.Body).Decode(into) }

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-RateLimit-Limit", "5000")
	w.Header().Set("X-RateLimit-Remaining", "4999")
	w.Header().Set("X-RateLimit-Reset", strconv.FormatInt(time.Now().Add(time.Hour).Unix(), 10))
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func fail(w http.ResponseWriter, status int, message string) {
	answer(w, status, map[string]string{"message": message})
}
