package registry

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/org/shipkit/pkg/diag"
)

// Outcome tells how a blob came to be in the repository.
type Outcome string

// The outcomes of an upload.
const (
	Existed  Outcome = "existed"
	Mounted  Outcome = "mounted"
	Uploaded Outcome = "uploaded"
)

// worthAsking is the smallest blob in bytes that is looked for before it is
// sent. A smaller one is nearly always new here, and hardly larger than the
// question.
const worthAsking = 8 * kib

// Upload makes sure that the repository holds blob. It goes on where an
// earlier attempt, or an earlier process with the same ResumeDir, left off,
// and survives any number of drops as long as bytes move between them.
func (r *Repository) Upload(ctx context.Context, blob Blob) (Outcome, error) {
	operation := "push layer " + short(blob.Digest) + " to " + r.name.String()
	if r.profile.MaxBlob > 0 && blob.Size > r.profile.MaxBlob {
		return "", &diag.Diagnostic{
			Summary: fmt.Sprintf("%s: its %d bytes are more than the %d that %s takes", operation, blob.Size, r.profile.MaxBlob, r.profile.Name),
			Try:     "leave large files out of the image, or set `max-blob-size` to push changes in smaller layers",
		}
	}
	release, err := r.link.acquire(ctx)
	if err != nil {
		return "", err
	}
	defer release()
	if blob.Size >= worthAsking && !blob.Missing {
		exists, err := r.Exists(ctx, blob.Digest)
		if err != nil || exists {
			return Existed, err
		}
	}
	u := &upload{
		repo: r, blob: blob, effort: r.begin("push layer " + short(blob.Digest)),
		chunk: r.profile.MaxChunk, floor: r.profile.MinChunk, ceiling: r.profile.MaxChunk, whole: r.profile.Whole,
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
	// alone gives each piece a connection of its own.
	alone bool
	// whole sends the blob in one request: the registry takes no pieces.
	whole bool
	// chunk is the size of the next piece, floor and ceiling its bounds.
	chunk, floor, ceiling int64
}

// Answers that lead to another way of sending.
var (
	errSessionLost = errors.New("the registry no longer knows the upload")
	errOutOfStep   = errors.New("the registry stands at another byte of the upload")
	errTooLarge    = errors.New("the registry refuses pieces of this size")
	errNoPieces    = errors.New("the registry takes no pieces")
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
		if u.offset > u.best && !u.guessed {
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
	case u.blob.Size-u.offset > u.chunk && !u.whole:
		return "", u.patch(ctx)
	default:
		return u.put(ctx)
	}
}

// recover prepares the next step after err, or returns what ends the upload.
func (u *upload) recover(ctx context.Context, err error) error {
	switch {
	case errors.Is(err, errTooLarge):
		if u.chunk/2 < smallest || u.whole {
			return err
		}
		u.chunk /= 2
		u.floor, u.ceiling = min(u.floor, u.chunk), u.chunk
		return nil
	case errors.Is(err, errNoPieces):
		u.at, u.whole = nil, true
		return nil
	case errors.Is(err, errSessionLost), u.whole:
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
