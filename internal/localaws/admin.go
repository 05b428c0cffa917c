package localaws

import (
	"encoding/json"
	"net/http"
)

// The administration of a running server, for cmd/shipkit-local: GET /_local/status and POST /_local/stop. It wants a
// header that no page of a browser can send to another origin without being asked first.
const (
	adminPrefix = "/_local/"
	AdminHeader = "X-Shipkit-Local"
)

// Stopped is closed when somebody asks the server to stop over HTTP; its owner then calls Close.
func (s *Server) Stopped() <-chan struct{} { return s.stopped }

func (s *Server) admin() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+adminPrefix+"status", s.serveStatus)
	mux.HandleFunc("POST "+adminPrefix+"stop", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "0") // a whole answer, before the server goes
		w.WriteHeader(http.StatusAccepted)
		_ = http.NewResponseController(w).Flush()
		s.stopOnce.Do(func() { close(s.stopped) })
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get(AdminHeader) == "" {
			http.Error(w, "the header "+AdminHeader+" is missing", http.StatusForbidden)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func (s *Server) serveStatus(w http.ResponseWriter, r *http.Request) {
	status, err := s.Status(r.Context())
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(status) // a client that has gone is no failure of ours
}
