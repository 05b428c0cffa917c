// Package githubtest is a GitHub API that keeps GitHub's rules: pages, rate
// limits, a fork's read-only token, and lists that lag behind writes.
package githubtest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Comment is a comment on a pull request.
type Comment struct {
	ID   int64  `json:"id"`
	Body string `json:"body"`
}

// Deployment is a deployment with the states that were set.
type Deployment struct {
	ID          int64    `json:"id"`
	Environment string   `json:"environment"`
	Ref         string   `json:"ref"`
	States      []string `json:"-"`
	URL         string   `json:"-"`
}

// Pull is a pull request. Head is the owner/name of its head's repository.
type Pull struct {
	Number int
	State  string
	SHA    string
	Head   string
	Labels []string
}

// Server is the API of one repository.
type Server struct {
	*httptest.Server
	Repository string

	mu          sync.Mutex
	next        int64
	comments    map[int][]Comment
	listed      map[int][]Comment // what a list shows: the state before the last write while Lag is set
	Deployments []*Deployment
	Statuses    map[string][]string // commit to "context=state"
	Pulls       []Pull
	Calls       []string

	// Lag makes lists miss the last write once.
	Lag bool
	// ReadOnly refuses writes with 403, as a fork's token does.
	ReadOnly bool
	// Limited answers so many requests with a secondary rate limit first.
	Limited int
}

// New starts a server that ends with the test.
func New(t testing.TB, repository string) *Server {
	s := &Server{
		Repository: repository, next: 100, comments: map[int][]Comment{}, listed: map[int][]Comment{},
		Statuses: map[string][]string{},
	}
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.Close)
	return s
}

// Comments returns the comments of a pull request.
func (s *Server) Comments(number int) []Comment {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.comments[number])
}

// AddComment puts a comment there as somebody else would.
func (s *Server) AddComment(number int, body string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next++
	s.comments[number] = append(s.comments[number], Comment{ID: s.next, Body: body})
	s.listed[number] = s.comments[number]
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Calls = append(s.Calls, r.Method+" "+r.URL.Path)
	if r.Header.Get("Authorization") == "" {
		fail(w, http.StatusUnauthorized, "Requires authentication")
		return
	}
	if s.Limited > 0 {
		s.Limited--
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, `{"message":"You have exceeded a secondary rate limit","documentation_url":"https://docs.github.com/rest/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits"}`)
		return
	}
	if s.ReadOnly && r.Method != http.MethodGet {
		fail(w, http.StatusForbidden, "Resource not accessible by integration")
		return
	}
	path, ok := strings.CutPrefix(strings.TrimPrefix(r.URL.Path, "/api/v3"), "/repos/"+s.Repository+"/")
	if !ok {
		fail(w, http.StatusNotFound, "Not Found")
		return
	}
	s.route(w, r, strings.Split(path, "/"))
}

func (s *Server) route(w http.ResponseWriter, r *http.Request, path []string) {
	switch where := r.Method + " " + pattern(path); where {
	case "GET issues/N/comments":
		page(w, r, s.list(number(path[1])))
	case "POST issues/N/comments":
		s.create(w, r, number(path[1]))
	case "PATCH issues/comments/N":
		s.edit(w, r, int64(number(path[2])))
	case "DELETE issues/comments/N":
		s.remove(w, int64(number(path[2])))
	case "GET pulls":
		s.pulls(w, r)
	case "GET pulls/N":
		s.pull(w, number(path[1]))
	case "GET deployments":
		s.deployments(w, r)
	case "POST deployments":
		d := &Deployment{}
		decode(r, d)
		s.next++
		d.ID = s.next
		s.Deployments = append(s.Deployments, d)
		answer(w, http.StatusCreated, d)
	case "POST deployments/N/statuses":
		s.mark(w, r, int64(number(path[1])))
	default:
		if len(path) == 2 && path[0] == "statuses" && r.Method == http.MethodPost {
			var status struct{ Context, State string }
			decode(r, &status)
			s.Statuses[path[1]] = append(s.Statuses[path[1]], status.Context+"="+status.State)
			answer(w, http.StatusCreated, status)
			return
		}
		fail(w, http.StatusNotFound, "githubtest has no "+where)
	}
}

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
	c := Comment{ID: s.next}
	decode(r, &c)
	c.ID = s.next
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
		"number": p.Number, "state": p.State, "labels": labels,
		"head": map[string]any{"sha": p.SHA, "repo": map[string]any{"full_name": head}},
		"base": map[string]any{"repo": map[string]any{"full_name": s.Repository}},
	}
}

func (s *Server) deployments(w http.ResponseWriter, r *http.Request) {
	var list []*Deployment
	for _, d := range s.Deployments {
		if d.Environment == r.URL.Query().Get("environment") {
			list = append(list, d)
		}
	}
	page(w, r, list)
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
