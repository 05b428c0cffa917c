package wire

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/aws/smithy-go"
)

// Error is an error as AWS sends it. Code is the wire code, which is not always the SDK's type name (RDS:
// DBSnapshotAlreadyExists for DBSnapshotAlreadyExistsFault).
type Error struct {
	Code    string
	Message string
	Status  int
}

func (e *Error) Error() string { return e.Code + ": " + e.Message }

// Errorf builds an Error; status is the HTTP status, 400 for most client errors.
func Errorf(code string, status int, format string, args ...any) *Error {
	return &Error{Code: code, Status: status, Message: fmt.Sprintf(format, args...)}
}

// statuses are the HTTP statuses of SDK error types that are not 400; each is the httpError trait of its API model.
var statuses = map[string]int{
	"ResourceNotFoundException/scheduler": http.StatusNotFound,
	"ConflictException/scheduler":         http.StatusConflict,
}

// asError turns whatever an operation returned into an Error. The SDK's own error types (types.ClusterNotFoundException)
// may be returned as they are; anything else is an internal failure of local AWS and says so.
func asError(service string, err error) *Error {
	var own *Error
	if errors.As(err, &own) {
		return own
	}
	var api smithy.APIError
	if !errors.As(err, &api) {
		return Errorf("InternalFailure", http.StatusInternalServerError, "local AWS failed: %v", err)
	}
	status := http.StatusBadRequest
	if api.ErrorFault() == smithy.FaultServer {
		status = http.StatusInternalServerError
	}
	if known, ok := statuses[api.ErrorCode()+"/"+service]; ok {
		status = known
	}
	return &Error{Code: api.ErrorCode(), Message: api.ErrorMessage(), Status: status}
}
