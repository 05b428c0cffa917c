// Package githubtest is a GitHub API that keeps GitHub's rules: pages, rate
// limits, a fork's read-only token, and lists that lag behind writes.
package githubtest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
)

// Comment is a comment on a pull request.
type Comment struct {
	ID   int64  `json:"id"`
	Body string `json:"body"`
	// User wrote it: the token's bot, unless AddComment did.
	User        User   `json:"user"`
	Association string `json:"author_association"`
}

// User is an account.
type User struct {
	Login string `json:"login"`
	Type  string `json:"type"`
}

// Deployment is a deployment with the states that were set.
type Deployment struct {
	ID          int64    `json:"id"`
	Environment string   `json:"environment"`
	Ref         string   `json:"ref"`
	States      []string `json:"-"`
	URL         string   `json:"-"`
}

// status is a commit's.
type status struct {
	Context string `json:"context"`
	State   string `json:"state"`
	Target  string `json:"target_url"`
}

// Pull is a pull request. Head is the owner/name of its head's repository.
type Pull struct {
	Number int
	State  string
	SHA    string
	Head   string
	Labels []string
	Draft  bool
	// Ref and Base are the branches' names.
	Ref, Base string
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
	statuses    map[string][]status // the newest first
	Pulls       []Pull
	Calls       []string
	// Roles are people's roles by their logins: admin, maintain, write, triage or
	// read, which is also anybody else's; none is an account that is gone.
	Roles  map[string]string
	events map[int][]event

	// Lag makes lists miss the last write once.
	Lag bool
	// ReadOnly refuses writes with 403, as a fork's token does.
	ReadOnly bool
	// Denied are requests that the token has no permission for, such as
	// "GET issues/N/events".
	Denied []string
	// Limited answers so many requests with a secondary rate limit first.
	Limited int
}

// New starts a server that ends with the test.
func New(t testing.TB, repository string) *Server {
	s := Start(repository)
	t.Cleanup(s.Close)
	return s
}

// Start starts a server outside of a test; Close ends it.
func Start(repository string) *Server {
	s := &Server{
		Repository: repository, next: 100, comments: map[int][]Comment{}, listed: map[int][]Comment{},
		Statuses: map[string][]string{}, statuses: map[string][]status{}, Roles: map[string]string{}, events: map[int][]event{},
	}
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	return s
}

// Comments returns the comments of a pull request.
func (s *Server) Comments(number int) []Comment {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.comments[number])
}

// AddComment puts a comment there as anybody can.
func (s *Server) AddComment(number int, body string) { s.AddCommentOf(number, "NONE", body) }

// AddCommentOf puts a comment there as somebody of an association can, such as
// a MEMBER.
func (s *Server) AddCommentOf(number int, association, body string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next++
	s.comments[number] = append(s.comments[number], Comment{
		ID: s.next, Body: body, User: User{Login: "mallory", Type: "User"}, Association: association,
	})
	s.listed[number] = s.comments[number]
}

// Forget loses the statuses of a commit.
func (s *Server) Forget(sha string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.statuses, sha)
	delete(s.Statuses, sha)
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
	where := r.Method + " " + pattern(path)
	if slices.Contains(s.Denied, where) {
		fail(w, http.StatusForbidden, "Resource not accessible by integration")
		return
	}
	switch where {
	case "GET issues/N/events":
		page(w, r, s.events[number(path[1])])
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
	case "GET deployments/N/statuses":
		s.states(w, r, int64(number(path[1])))
	case "POST deployments/N/statuses":
		s.mark(w, r, int64(number(path[1])))
	default:
		switch {
		case r.Method == http.MethodPost && len(path) == 2 && path[0] == "statuses":
			s.setStatus(w, r, path[1])
			return
		case r.Method == http.MethodGet && len(path) == 3 && path[0] == "commits" && path[2] == "statuses":
			page(w, r, s.statuses[path[1]])
			return
		case r.Method == http.MethodGet && len(path) == 3 && path[0] == "collaborators" && path[2] == "permission":
			s.permission(w, path[1])
			return
		}
		fail(w, http.StatusNotFound, "githubtest has no "+where)
	}
}
