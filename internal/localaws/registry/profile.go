package registry

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"
)

// A Profile is a set of departures from the distribution specification that a hosted registry was seen to have.
type Profile struct {
	// Name is for people.
	Name string
	// PatchStatus replaces the 202 of a chunk. ECR answers 201.
	PatchStatus int
	// StickyRange repeats the Range of an upload's first chunk in every later answer (ECR).
	StickyRange bool
	// MinChunk and MaxChunk bound a chunk that carries Content-Range, the last one of an upload excepted from the
	// minimum; 0 does not bound. In bytes.
	MinChunk, MaxChunk int64
	// RefuseEmptyPut answers 500 to a closing PUT without data after chunks with Content-Range (ECR).
	RefuseEmptyPut bool
	// RefuseRangePut answers 416 to a closing PUT that carries Content-Range (GHCR).
	RefuseRangePut bool
	// RefuseMount answers every mount with an ordinary upload: ECR without BLOB_MOUNTING.
	RefuseMount bool
	// NoReferrers answers 404 to the referrers API, so that a client uses the tag scheme.
	NoReferrers bool
}

// Plain is distribution itself.
var Plain = Profile{Name: "plain"}

// ECR behaves as Amazon ECR was reported to (containers-roadmap #2831, #2860, tart PR #159).
var ECR = Profile{
	Name: "ecr", PatchStatus: http.StatusCreated, StickyRange: true, MinChunk: 5 << 20, MaxChunk: 20971520,
	RefuseEmptyPut: true, RefuseMount: true, NoReferrers: true,
}

// GHCR behaves as GitHub's container registry was reported to: chunks of at most 4 MiB, no Content-Range on a PUT.
var GHCR = Profile{Name: "ghcr", MaxChunk: 4 << 20, RefuseRangePut: true, NoReferrers: true}

// uploadPath matches an upload session's path; its first group is the session.
var uploadPath = regexp.MustCompile(`^/v2/.+/blobs/uploads/([^/]+)$`)

// wrap puts the quirks before a registry.
func (p Profile) wrap(next http.Handler, refuseMount func() bool) http.Handler {
	if p == Plain || p == (Profile{}) {
		return next
	}
	return &quirks{Profile: p, next: next, refuseMount: refuseMount, sessions: map[string]*session{}}
}

// quirks is a registry that departs from the specification.
type quirks struct {
	Profile
	next        http.Handler
	refuseMount func() bool
	mu          sync.Mutex
	sessions    map[string]*session
}

// session is what the quirks remember of one upload.
type session struct {
	first string // Range of the first chunk
	small bool   // a chunk under the minimum came: it must have been the last
	data  bool   // a chunk came
	parts bool   // a chunk with Content-Range came
}

func (q *quirks) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	match := uploadPath.FindStringSubmatch(r.URL.Path)
	switch {
	case q.NoReferrers && strings.Contains(r.URL.Path, "/referrers/"):
		writeError(w, http.StatusNotFound, "UNSUPPORTED", "the referrers API is not supported")
	case r.Method == http.MethodPost && r.URL.Query().Has("mount") && q.refuseMount():
		r.URL.RawQuery = ""
		q.next.ServeHTTP(w, r)
	case match != nil && r.Method == http.MethodPatch:
		q.patch(w, r, match[1])
	case match != nil && r.Method == http.MethodPut:
		q.put(w, r, match[1])
	case match != nil && r.Method == http.MethodGet:
		q.next.ServeHTTP(q.answer(w, match[1], 0), r)
	default:
		q.next.ServeHTTP(w, r)
	}
}

// patch takes one chunk.
func (q *quirks) patch(w http.ResponseWriter, r *http.Request, id string) {
	if q.MaxChunk > 0 && r.ContentLength > q.MaxChunk && (q.MinChunk == 0 || r.Header.Get("Content-Range") != "") {
		writeError(w, http.StatusRequestEntityTooLarge, "SIZE_INVALID",
			fmt.Sprintf("a chunk of %d bytes is larger than %d", r.ContentLength, q.MaxChunk))
		return
	}
	s := q.session(id)
	if s.small {
		writeError(w, http.StatusBadRequest, "BLOB_UPLOAD_INVALID",
			fmt.Sprintf("only the last chunk may be smaller than %d bytes", q.MinChunk))
		return
	}
	part := r.Header.Get("Content-Range") != ""
	q.mu.Lock()
	s.data = true
	s.parts = s.parts || part
	s.small = part && r.ContentLength < q.MinChunk
	q.mu.Unlock()
	q.next.ServeHTTP(q.answer(w, id, q.PatchStatus), r)
}

// put closes an upload.
func (q *quirks) put(w http.ResponseWriter, r *http.Request, id string) {
	s := q.session(id)
	switch {
	case q.RefuseRangePut && r.Header.Get("Content-Range") != "":
		writeError(w, http.StatusRequestedRangeNotSatisfiable, "RANGE_INVALID", "Content-Range is not allowed on a PUT")
		return
	case q.RefuseEmptyPut && s.parts && r.ContentLength == 0:
		writeError(w, http.StatusInternalServerError, "UNKNOWN", "internal error")
		return
	}
	q.next.ServeHTTP(w, r)
	q.mu.Lock()
	delete(q.sessions, id)
	q.mu.Unlock()
}

func (q *quirks) session(id string) *session {
	q.mu.Lock()
	defer q.mu.Unlock()
	s := q.sessions[id]
	if s == nil {
		s = &session{}
		q.sessions[id] = s
	}
	return s
}

// answer changes the status and the Range of what the registry answers.
func (q *quirks) answer(w http.ResponseWriter, id string, status int) http.ResponseWriter {
	return &quirkWriter{ResponseWriter: w, quirks: q, id: id, status: status}
}

type quirkWriter struct {
	http.ResponseWriter
	quirks *quirks
	id     string
	status int
	wrote  bool
}

func (w *quirkWriter) WriteHeader(status int) {
	if w.wrote {
		return
	}
	w.wrote = true
	if status < 300 && w.quirks.StickyRange {
		w.stick()
	}
	if status == http.StatusAccepted && w.status != 0 {
		status = w.status
	}
	w.ResponseWriter.WriteHeader(status)
}

// stick puts the first chunk's Range into the answer.
func (w *quirkWriter) stick() {
	s := w.quirks.session(w.id)
	w.quirks.mu.Lock()
	defer w.quirks.mu.Unlock()
	if s.first == "" && s.data {
		s.first = w.Header().Get("Range")
	}
	if s.first != "" {
		w.Header().Set("Range", s.first)
	}
}

func (w *quirkWriter) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.ResponseWriter.Write(p) //nolint:wrapcheck // an http.ResponseWriter passes the connection's error on
}
