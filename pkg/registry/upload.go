package registry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/org/shipkit/pkg/progress"
)

// Outcome tells how a blob came to be in the repository.
type Outcome string

// The outcomes of an upload.
const (
	Existed  Outcome = "existed"
	Mounted  Outcome = "mounted"
	Uploaded Outcome = "uploaded"
)

// Upload makes sure that the repository holds blob. It goes on where an
// earlier attempt, or an earlier process with the same ResumeDir, left off,
// and survives any number of drops as long as bytes move between them.
func (r *Repository) Upload(ctx context.Context, blob Blob) (Outcome, error) {
	operation := "push layer " + short(blob.Digest) + " to " + r.name.String()
	if r.profile.MaxBlob > 0 && blob.Size > r.profile.MaxBlob {
		return "", fmt.Errorf("%s: its %d bytes are more than the %d that %s takes", operation, blob.Size, r.profile.MaxBlob, r.profile.Name)
	}
	release, err := r.link.acquire(ctx)
	if err != nil {
		return "", err
	}
	defer release()
	exists, err := r.Exists(ctx, blob.Digest)
	if err != nil || exists {
		return Existed, err
	}
	u := &upload{
		repo: r, blob: blob, effort: r.begin("push layer " + short(blob.Digest)),
		chunk: r.profile.MaxChunk, floor: r.profile.MinChunk, ceiling: r.profile.MaxChunk,
	}
	outcome, err := u.run(ctx)
	return outcome, explain(err, r.name.RegistryStr(), operation)
}

// upload is a blob on its way.
type upload struct {
	repo   *Repository
	blob   Blob
	effort *effort
	// at is where the registry wants the next piece; nil without a session.
	at *url.URL
	// offset counts the bytes that the registry acknowledged, best the most
	// there ever were.
	offset, best int64
	// unsure tells that a piece was cut off: the registry may hold more than
	// offset.
	unsure bool
	// lost tells that the last session ended, perhaps because it was closed
	// and the answer did not arrive.
	lost bool
	// guessed tells that offset counts a piece that was cut off.
	guessed bool
	// chunk is the size of the next piece, floor and ceiling its bounds.
	chunk, floor, ceiling int64
}

// Answers that lead to another way of sending.
var (
	errSessionLost = errors.New("the registry no longer knows the upload")
	errOutOfStep   = errors.New("the registry stands at another byte of the upload")
	errTooLarge    = errors.New("the registry refuses pieces of this size")
)

// smallest is the piece below which a registry that refuses pieces for their
// size is given up.
const smallest = 256 * kib

// run takes steps until the blob is there.
func (u *upload) run(ctx context.Context) (Outcome, error) {
	if err := u.recall(); err != nil {
		u.repo.options.Progress.Warn(u.effort.task, err.Error()+"; starting this layer over")
	}
	for {
		outcome, err := u.step(ctx)
		if err == nil && outcome != "" {
			u.repo.journal().forget(u.repo.name.String(), u.blob.Digest)
			return outcome, nil
		}
		if u.offset > u.best {
			u.best = u.offset
			u.effort.moved()
		}
		if err == nil {
			continue
		}
		if err := u.recover(ctx, err); err != nil {
			return "", err
		}
	}
}

// step does the next thing: open a session, ask where it stands, send a
// piece, or close it.
func (u *upload) step(ctx context.Context) (Outcome, error) {
	switch {
	case u.at == nil:
		return u.begin(ctx)
	case u.unsure:
		return "", u.ask(ctx)
	case u.blob.Size-u.offset > u.chunk:
		return "", u.patch(ctx)
	default:
		return u.put(ctx)
	}
}

// recover prepares the next step after err, or returns what ends the upload.
func (u *upload) recover(ctx context.Context, err error) error {
	switch {
	case errors.Is(err, errTooLarge):
		if u.chunk/2 < smallest {
			return err
		}
		u.chunk /= 2
		u.floor, u.ceiling = min(u.floor, u.chunk), u.chunk
		return nil
	case errors.Is(err, errSessionLost):
		u.at, u.lost = nil, true
	case errors.Is(err, errOutOfStep) && u.offset == 0:
		// Asked, and out of step at the start: this session is broken.
		u.at = nil
	default:
		u.unsure = true
	}
	return u.effort.failed(ctx, err)
}

// begin opens a session, or finds that none is needed.
func (u *upload) begin(ctx context.Context) (Outcome, error) {
	if u.lost {
		exists, err := u.repo.Exists(ctx, u.blob.Digest)
		if err != nil || exists {
			return Uploaded, err
		}
	}
	at, err := u.repo.start(ctx, u.blob)
	if err != nil {
		return "", err
	}
	if at == nil {
		return Mounted, nil
	}
	u.at, u.offset, u.unsure, u.lost = at, 0, false, false
	return "", u.remember()
}

// recall takes up the session of an earlier process.
func (u *upload) recall() error {
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

// patch sends a piece that is not the last.
func (u *upload) patch(ctx context.Context) error {
	length := u.chunk
	resp, err := u.repo.do(ctx, http.MethodPatch, u.at, u.piece(length, true))
	if err != nil {
		return err
	}
	defer drain(resp)
	if err := u.refused(resp, length); err != nil {
		return err
	}
	if err := answered(resp, http.StatusAccepted, http.StatusCreated, http.StatusNoContent); err != nil {
		return err
	}
	if u.at, err = location(resp); err != nil {
		return err
	}
	u.offset += length
	u.chunk = min(u.chunk*2, u.ceiling)
	return u.remember()
}

// shrink makes pieces smaller after one was lost whole.
func (u *upload) shrink() { u.chunk = max(u.chunk/2, u.floor) }

// put sends the rest and closes the upload.
func (u *upload) put(ctx context.Context) (Outcome, error) {
	target := *u.at
	query := target.Query()
	query.Set("digest", u.blob.Digest.String())
	target.RawQuery = query.Encode()
	length := u.blob.Size - u.offset
	resp, err := u.repo.do(ctx, http.MethodPut, &target, u.piece(length, u.offset > 0 && length > 0))
	if err != nil {
		return "", err
	}
	defer drain(resp)
	if err := u.refused(resp, length); err != nil {
		return "", err
	}
	if err := answered(resp, http.StatusCreated, http.StatusOK, http.StatusAccepted, http.StatusNoContent); err != nil {
		return "", err
	}
	u.report(u.blob.Size)
	return Uploaded, nil
}

// refused tells the answers that lead to another way of sending.
func (u *upload) refused(resp *http.Response, length int64) error {
	switch resp.StatusCode {
	case http.StatusNotFound:
		return errSessionLost
	case http.StatusRequestedRangeNotSatisfiable:
		if !u.repo.profile.ExactRange && u.offset+length <= u.blob.Size {
			// The piece that was cut off had arrived after all. Should that be
			// wrong, the digest will not fit and the registry says so.
			u.offset += length
			u.guessed = true
		}
		return errOutOfStep
	case http.StatusBadRequest:
		if u.guessed {
			u.guessed = false
			return errSessionLost
		}
		return nil
	case http.StatusRequestEntityTooLarge:
		u.repo.options.Progress.Warn(u.effort.task, fmt.Sprintf("the registry refuses pieces of %.1f MB", mb(length)))
		return fmt.Errorf("%w: %w", errTooLarge, answered(resp))
	default:
		return nil
	}
}

func (u *upload) piece(length int64, ranged bool) *piece {
	return &piece{blob: u.blob, offset: u.offset, length: length, ranged: ranged,
		sent: func(n int64) { u.report(u.offset + n) }}
}

func (u *upload) report(done int64) {
	u.repo.options.Progress.Send(progress.Event{Task: u.effort.task, Text: "sending", Done: done, Total: u.blob.Size, Unit: "B"})
}

func mb(n int64) float64 { return float64(n) / 1e6 }
