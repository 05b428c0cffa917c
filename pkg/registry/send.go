package registry

import (
	"context"
	"fmt"
	"net/http"

	"github.com/org/shipkit/pkg/progress"
)

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
	u.guessed = false
	u.chunk = min(u.chunk*2, u.ceiling)
	return u.remember()
}

// shrink makes pieces smaller after one was lost whole, and gives each a
// connection of its own: some lines cut one after so many bytes.
func (u *upload) shrink() {
	u.chunk = max(u.chunk/2, u.floor)
	u.alone = true
}

// put sends the rest and closes the upload.
func (u *upload) put(ctx context.Context) (Outcome, error) {
	target := *u.at
	query := target.Query()
	query.Set("digest", u.blob.Digest.String())
	target.RawQuery = query.Encode()
	length := u.blob.Size - u.offset
	ranged := u.offset > 0 && length > 0 && !u.repo.profile.PlainPUT
	resp, err := u.repo.do(ctx, http.MethodPut, &target, u.piece(length, ranged))
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
		return u.outOfStep(length)
	case http.StatusMethodNotAllowed, http.StatusNotImplemented, http.StatusUnsupportedMediaType:
		if u.whole {
			return nil
		}
		u.repo.options.Progress.Warn(u.effort.task, fmt.Sprintf("the registry takes no pieces; sending %.1f MB at once", mb(u.blob.Size)))
		return errNoPieces
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

// outOfStep handles a registry that stands at another byte. One that does not
// say where either got the piece that was cut off whole, or keeps a part of
// it: then only a new session helps.
func (u *upload) outOfStep(length int64) error {
	if u.repo.profile.ExactRange {
		return errOutOfStep
	}
	if u.guessed {
		u.guessed = false
		return errSessionLost
	}
	u.offset += length
	u.guessed = true
	return errOutOfStep
}

func (u *upload) piece(length int64, ranged bool) *piece {
	return &piece{blob: u.blob, offset: u.offset, length: length, ranged: ranged, alone: u.alone,
		sent: func(n int64) { u.report(u.offset + n) }}
}

func (u *upload) report(done int64) {
	u.repo.options.Progress.Send(progress.Event{Task: u.effort.task, Text: "sending", Done: done, Total: u.blob.Size, Unit: "B"})
}

func mb(n int64) float64 { return float64(n) / 1e6 }
