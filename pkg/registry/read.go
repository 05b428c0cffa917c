package registry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// ReadBlob returns a small blob of the given size and checks its digest. It is
// kept among the documents.
func (r *Repository) ReadBlob(ctx context.Context, blob v1.Hash, size int64) ([]byte, error) {
	if content := r.kept(blob); content != nil {
		return content, nil
	}
	body, err := r.OpenBlob(ctx, blob)
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(io.LimitReader(body, size+1))
	if err = errors.Join(err, body.Close()); err != nil {
		return nil, err
	}
	digest, _, _ := v1.SHA256(bytes.NewReader(content)) // reading memory does not fail
	if digest != blob {
		return nil, fmt.Errorf("%s: the registry sent other content", r.readTask(blob))
	}
	r.keep(blob, content)
	return content, nil
}

// OpenBlob reads a blob from its start. After a drop it goes on where it
// stopped, without limit as long as bytes move. Whoever reads it checks the
// digest.
func (r *Repository) OpenBlob(ctx context.Context, blob v1.Hash) (io.ReadCloser, error) {
	if r.options.BlobDir != "" {
		return r.openKept(ctx, blob)
	}
	return r.download(ctx, blob)
}

// openKept reads a blob from the disk, where it is put first.
func (r *Repository) openKept(ctx context.Context, blob v1.Hash) (io.ReadCloser, error) {
	path := filepath.Join(r.options.BlobDir, blob.Hex)
	if file, err := os.Open(path); err == nil {
		return file, nil
	}
	if err := r.fetch(ctx, blob, path); err != nil {
		return nil, fmt.Errorf("keep blob %s: %w", short(blob), err)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open blob %s: %w", short(blob), err)
	}
	return file, nil
}

// fetch writes a blob to path, whole and checked or not at all.
func (r *Repository) fetch(ctx context.Context, blob v1.Hash, path string) error {
	if err := os.MkdirAll(r.options.BlobDir, 0o700); err != nil {
		return fmt.Errorf("make its folder: %w", err)
	}
	file, err := os.CreateTemp(r.options.BlobDir, "part-")
	if err != nil {
		return fmt.Errorf("make its file: %w", err)
	}
	defer os.Remove(file.Name())
	body, err := r.download(ctx, blob)
	if err != nil {
		return errors.Join(err, file.Close())
	}
	digest, _, err := v1.SHA256(io.TeeReader(body, file))
	if err := errors.Join(err, body.Close(), file.Close()); err != nil {
		return fmt.Errorf("write it: %w", err)
	}
	if digest != blob {
		return fmt.Errorf("%s: the registry sent other content", r.readTask(blob))
	}
	return os.Rename(file.Name(), path) //nolint:wrapcheck // the caller says of what
}

func (r *Repository) download(ctx context.Context, blob v1.Hash) (io.ReadCloser, error) {
	b := &download{ctx: ctx, repo: r, blob: blob, effort: r.begin(r.readTask(blob))}
	if err := b.open(nil); err != nil {
		return nil, b.explain(err)
	}
	return b, nil
}

func (r *Repository) readTask(blob v1.Hash) string {
	return "read blob " + short(blob) + " of " + r.name.String()
}

// download is a blob on its way here.
type download struct {
	ctx    context.Context //nolint:containedctx // io.Reader has no place for it
	repo   *Repository
	blob   v1.Hash
	effort *effort
	body   io.ReadCloser
	// offset counts the bytes that arrived.
	offset int64
}

// Read implements [io.Reader].
func (d *download) Read(p []byte) (int, error) {
	for {
		n, err := d.body.Read(p)
		d.offset += int64(n)
		if n > 0 {
			d.effort.moved()
			return n, nil // the body repeats its error
		}
		if err == nil || err == io.EOF { //nolint:errorlint // io.Reader returns the bare io.EOF
			return n, err //nolint:wrapcheck // as above
		}
		if err := d.open(err); err != nil {
			return 0, d.explain(err)
		}
	}
}

// Close implements [io.Closer].
func (d *download) Close() error { return d.body.Close() } //nolint:wrapcheck // of a body that was read

// open asks for the rest of the blob until the registry gives it; failed is why
// what was open ended, nil at the start.
func (d *download) open(failed error) error {
	if failed != nil {
		_ = d.body.Close()
	}
	for {
		if failed != nil {
			if err := d.effort.failed(d.ctx, failed); err != nil {
				return err
			}
		}
		if failed = d.ask(); failed == nil {
			return nil
		}
	}
}

// ask asks for the rest of the blob once. OCI distribution spec, "pulling
// blobs": registries should support ranges.
func (d *download) ask() error {
	req, err := http.NewRequestWithContext(d.ctx, http.MethodGet, d.repo.url("blobs/%s", d.blob).String(), nil)
	if err != nil {
		return fmt.Errorf("make a request to %s: %w", d.repo.name.RegistryStr(), err)
	}
	if d.offset > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", d.offset))
	}
	resp, err := d.repo.client.Do(req)
	if err != nil {
		return fmt.Errorf("ask the registry: %w", err)
	}
	if err := errors.Join(answered(resp, http.StatusOK, http.StatusPartialContent), d.skip(resp)); err != nil {
		_ = resp.Body.Close()
		return err
	}
	d.body = resp.Body
	return nil
}

// skip makes an answer begin where the download stopped: a registry that does
// not support ranges sends all again.
func (d *download) skip(resp *http.Response) error {
	begins := resp.Header.Get("Content-Range")
	switch {
	case d.offset == 0 || resp.StatusCode > http.StatusPartialContent:
		return nil
	case resp.StatusCode == http.StatusOK:
		if _, err := io.CopyN(io.Discard, resp.Body, d.offset); err != nil {
			return fmt.Errorf("read what is here already: %w", err)
		}
		return nil
	case !strings.HasPrefix(begins, fmt.Sprintf("bytes %d-", d.offset)):
		return fmt.Errorf("asked for the bytes from %d, the registry sent %q", d.offset, begins)
	}
	return nil
}

func (d *download) explain(err error) error {
	return explain(err, d.repo.name.RegistryStr(), d.effort.task)
}
