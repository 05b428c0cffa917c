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
