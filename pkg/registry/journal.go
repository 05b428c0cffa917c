package registry

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// session is where an upload stands: the registry's address for it and the
// bytes that the registry acknowledged.
type session struct {
	// Repository and Blob tell whose session it is, so that a file that was
	// moved or renamed misleads nobody.
	Repository string  `json:"repository"`
	Blob       v1.Hash `json:"blob"`
	Size       int64   `json:"size"`
	URL        string  `json:"url"`
	Offset     int64   `json:"offset"`
}

// journal keeps sessions in a folder, a file for each. Its zero value keeps
// nothing.
type journal struct{ dir string }

func (r *Repository) journal() journal { return journal{dir: r.options.ResumeDir} }

// path returns the file of a blob's session: <registry>/<repository>/<digest>.json.
func (j journal) path(repository string, blob v1.Hash) string {
	return filepath.Join(j.dir, strings.NewReplacer(":", "_", "..", "_").Replace(repository), blob.Algorithm+"-"+blob.Hex+".json")
}

// save writes s, whole or not at all. A session's address may let others write
// to it: only the owner can read the file.
func (j journal) save(s session) error {
	if j.dir == "" {
		return nil
	}
	text, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("keep the upload's journal: %w", err)
	}
	if err := WriteFile(j.path(s.Repository, s.Blob), text); err != nil {
		return fmt.Errorf("keep the upload's journal: %w", localError{err})
	}
	return nil
}

// load returns the session of blob, or ok false when there is none. A file
// that cannot be used is an error: the caller starts over and says so.
func (j journal) load(repository string, blob v1.Hash, size int64) (s session, ok bool, err error) {
	if j.dir == "" {
		return session{}, false, nil
	}
	path := j.path(repository, blob)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return session{}, false, nil
	}
	if err != nil {
		return session{}, false, fmt.Errorf("read the upload's journal: %w", err)
	}
	s, err = parseSession(text)
	if err != nil {
		return session{}, false, fmt.Errorf("read the upload's journal %s: %w", path, err)
	}
	if s.Repository != repository || s.Blob != blob || s.Size != size {
		return session{}, false, fmt.Errorf("the upload's journal %s belongs to another upload", path)
	}
	return s, true, nil
}

// parseSession reads a session and checks it against itself.
func parseSession(text []byte) (session, error) {
	var s session
	if err := json.Unmarshal(text, &s); err != nil {
		return session{}, fmt.Errorf("parse: %w", err)
	}
	if address, err := url.Parse(s.URL); err != nil || address.Host == "" || address.Scheme != "http" && address.Scheme != "https" {
		return session{}, errors.New("no address of an upload in it")
	}
	if s.Size < 0 || s.Offset < 0 || s.Offset > s.Size {
		return session{}, fmt.Errorf("offset %d does not fit a blob of %d bytes", s.Offset, s.Size)
	}
	return s, nil
}

// forget removes the session of blob.
func (j journal) forget(repository string, blob v1.Hash) {
	if j.dir != "" {
		// A file that stays leads to one question to the registry, no more.
		_ = os.Remove(j.path(repository, blob))
	}
}
