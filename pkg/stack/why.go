package stack

import (
	"context"
	"errors"
)

// Why says in plain words why the stack's latest operation failed.
func (d *Driver) Why(ctx context.Context, s *Stack) (string, error) {
	err := d.stuck(ctx, s)
	var failure *Failure
	if errors.As(err, &failure) {
		return failure.Error(), nil
	}
	return "", err
}
