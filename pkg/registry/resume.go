package registry

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// recall takes up the session of an earlier process. A blob that goes up in one
// request has none.
func (u *upload) recall() error {
	if u.whole {
		return nil
	}
	s, ok, err := u.repo.journal().load(u.repo.name.String(), u.blob.Digest, u.blob.Size)
	if err != nil || !ok {
		return err
	}
	u.at, err = url.Parse(s.URL)
	if err != nil {
		return fmt.Errorf("read the upload's journal: %w", err)
	}
	u.offset, u.unsure = s.Offset, true
	return nil
}

// remember keeps the session for a later process.
func (u *upload) remember() error {
	if u.whole {
		return nil
	}
	return u.repo.journal().save(session{
		Repository: u.repo.name.String(), Blob: u.blob.Digest, Size: u.blob.Size, URL: u.at.String(), Offset: u.offset,
	})
}

// ask learns from the registry how many bytes it holds.
// OCI distribution spec, "pushing a blob in chunks".
func (u *upload) ask(ctx context.Context) error {
	resp, err := u.repo.do(ctx, http.MethodGet, u.at, nil)
	if err != nil {
		return err
	}
	defer drain(resp)
	switch resp.StatusCode {
	case http.StatusNoContent, http.StatusOK, http.StatusAccepted:
	case http.StatusNotFound, http.StatusGone:
		return errSessionLost
	case http.StatusMethodNotAllowed, http.StatusNotImplemented, http.StatusBadRequest:
		// A registry without status answers: go on from what it acknowledged.
		u.unsure = false
		u.shrink()
		return nil
	default:
		return answered(resp)
	}
	if resp.Header.Get("Location") != "" {
		if u.at, err = location(resp); err != nil {
			return err
		}
	}
	u.unsure = false
	held, ok := held(resp)
	if !u.repo.profile.ExactRange || !ok {
		u.shrink()
		return nil
	}
	if held > u.blob.Size {
		return errSessionLost
	}
	if held <= u.offset {
		u.shrink()
	}
	if held > u.offset {
		u.repo.options.Progress.Milestone(u.effort.task, fmt.Sprintf("goes on at %.1f of %.1f MB", mb(held), mb(u.blob.Size)))
	}
	u.offset = held
	return u.remember()
}

// held reads how many bytes of an upload the registry holds. "0-0" is what
// registries answer for none.
func held(resp *http.Response) (n int64, ok bool) {
	_, last, found := strings.Cut(resp.Header.Get("Range"), "-")
	end, err := strconv.ParseInt(last, 10, 64)
	if !found || err != nil || end < 0 {
		return 0, false
	}
	if end == 0 {
		return 0, true
	}
	return end + 1, true
}
