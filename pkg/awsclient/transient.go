package awsclient

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
)

// Transient tells errors that say nothing about the fate of what was asked
// for: a throttle, a lost connection, credentials that ran out, a deadline.
// Asking again later can find it done.
func Transient(err error) bool {
	return Expired(err) || errors.Is(err, context.DeadlineExceeded) ||
		retry.IsErrorRetryables(retry.DefaultRetryables).IsErrorRetryable(err) == aws.TrueTernary
}
