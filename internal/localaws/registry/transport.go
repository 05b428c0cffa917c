package registry

import (
	"io"
	"net/http"
	"sync"
)

// handlerTransport is an http.RoundTripper that calls a handler in this process.
type handlerTransport struct{ handler http.Handler }

// RoundTrip implements http.RoundTripper; the body streams, so that a layer never stands in memory as a whole.
func (t handlerTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	pr, pw := io.Pipe()
	w := &pipeResponse{
		body:    pw,
		started: make(chan struct{}),
		resp: &http.Response{
			Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{}, Body: pr, Request: req, ContentLength: -1,
		},
	}
	in := req.Clone(req.Context())
	in.RequestURI = in.URL.RequestURI()
	if in.Body == nil {
		in.Body = http.NoBody
	}
	if in.Host == "" {
		in.Host = in.URL.Host
	}
	go func() {
		t.handler.ServeHTTP(w, in)
		w.WriteHeader(http.StatusOK)
		_ = pw.Close()
	}()
	select {
	case <-w.started:
		return w.resp, nil
	case <-req.Context().Done():
		_ = pr.CloseWithError(req.Context().Err())
		return nil, req.Context().Err() //nolint:wrapcheck // http.Client names the request
	}
}

// pipeResponse hands a handler's answer to the waiting RoundTrip.
type pipeResponse struct {
	resp    *http.Response
	header  http.Header
	body    *io.PipeWriter
	once    sync.Once
	started chan struct{}
}

func (w *pipeResponse) Header() http.Header {
	if w.header == nil {
		w.header = http.Header{}
	}
	return w.header
}

func (w *pipeResponse) WriteHeader(status int) {
	w.once.Do(func() {
		w.resp.StatusCode = status
		w.resp.Status = http.StatusText(status)
		w.resp.Header = w.Header().Clone()
		close(w.started)
	})
}

func (w *pipeResponse) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(p) //nolint:wrapcheck // an io.Writer passes the pipe's error on
}
