package awsclient

import (
	"context"
	"errors"
	"fmt"
	"net"
	"testing"

	"github.com/aws/smithy-go"
)

func TestTransient(t *testing.T) {
	api := func(code string) error { return &smithy.GenericAPIError{Code: code} }
	for _, test := range []struct {
		err  error
		want bool
	}{
		{api("ThrottlingException"), true},
		{api("ExpiredTokenException"), true},
		{fmt.Errorf("describe: %w", api("RequestLimitExceeded")), true},
		{context.DeadlineExceeded, true},
		{&net.OpError{Op: "dial", Err: errors.New("connection refused")}, true},
		{api("DBSnapshotNotFound"), false},
		{errors.New("the task exited with 1"), false},
		{nil, false},
	} {
		if got := Transient(test.err); got != test.want {
			t.Errorf("Transient(%v) = %v", test.err, got)
		}
	}
}
