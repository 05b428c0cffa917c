package registry

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
)

// piece is the part of a blob that one request carries.
type piece struct {
	blob           Blob
	offset, length int64
	// ranged adds Content-Range; GHCR rejects it on a request that carries a
	// whole blob.
	ranged bool
	// alone closes the connection afterwards.
	alone bool
	// sent is told how many bytes of the piece were handed to the network.
	sent func(n int64)
}

// expectFrom is the smallest piece for which the registry is asked before it
// is sent: a token that ran out, or a session that is gone, then costs no
// data.
const expectFrom = 64 * kib

// attach returns req with the piece as its body. The content is opened when
// the network asks for it, anew for each attempt.
func (p *piece) attach(req *http.Request, link *Link) *http.Request {
	req.ContentLength, req.Close = p.length, p.alone
	req.GetBody = func() (io.ReadCloser, error) { return &pieceReader{piece: p}, nil }
	req.Body, _ = req.GetBody()
	req.Header.Set("Content-Type", "application/octet-stream")
	if p.ranged {
		req.Header.Set("Content-Range", fmt.Sprintf("%d-%d", p.offset, p.offset+p.length-1))
	}
	if p.length < expectFrom || link.silent.Load() {
		return req
	}
	req.Header.Set("Expect", "100-continue")
	return req.WithContext(httptrace.WithClientTrace(req.Context(), link.watchAnswer()))
}

// watchAnswer notes a server that says nothing before it has a piece: waiting for it with
// every piece would cost more than it saves.
func (l *Link) watchAnswer() *httptrace.ClientTrace {
	answered := atomic.Bool{}
	return &httptrace.ClientTrace{
		// Of 100 Continue, or of an answer that makes sending needless.
		GotFirstResponseByte: func() { answered.Store(true) },
		WroteRequest: func(info httptrace.WroteRequestInfo) {
			if info.Err == nil && !answered.Load() {
				l.silent.Store(true)
			}
		},
	}
}

// pieceReader reads a piece.
type pieceReader struct {
	piece   *piece
	content io.ReadCloser
	read    int64
}

// Read implements [io.Reader]. Content that ends early is an error here: the
// registry would wait for the rest.
func (r *pieceReader) Read(p []byte) (int, error) {
	if r.content == nil {
		content, err := r.piece.blob.Open(r.piece.offset)
		if err != nil {
			return 0, localError{err}
		}
		r.content = content
	}
	left := r.piece.length - r.read
	if left == 0 {
		return 0, io.EOF
	}
	n, err := r.content.Read(p[:min(int64(len(p)), left)])
	r.read += int64(n)
	if r.piece.sent != nil {
		r.piece.sent(r.read)
	}
	if err == io.EOF && r.read < r.piece.length { //nolint:errorlint // io.Reader returns the bare io.EOF
		err = io.ErrUnexpectedEOF
	}
	if err != nil && err != io.EOF { //nolint:errorlint // as above
		return n, localError{fmt.Errorf("read layer %s at %d: %w", short(r.piece.blob.Digest), r.piece.offset+r.read, err)}
	}
	return n, err //nolint:wrapcheck // io.EOF must stay bare
}

// Close implements [io.Closer].
func (r *pieceReader) Close() error {
	if r.content == nil {
		return nil
	}
	return r.content.Close() //nolint:wrapcheck // closing a file that was read
}
