package fault

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/aws/smithy-go"

	"github.com/org/shipkit/internal/localaws/wire"
)

// Call is one recorded call.
type Call struct {
	Number      int       // from 1
	At          time.Time // simulated
	Service     string    // signing name
	Operation   string
	Resource    string // what the input names first: a name, an identifier, an ARN
	AccountID   string
	Region      string
	AccessKeyID string
	InProcess   bool   // made by a local service (a schedule that fired, a stack), not by a client
	Error       string // the error's code; empty on success; "dropped" if never answered
}

// maxRecorded bounds the record: a shipkit-local that runs for days is polled a lot.
const maxRecorded = 100_000

type record struct {
	calls []Call
	first int // number of calls[0], minus one
}

// Calls returns what was called, oldest first.
func (j *Injector) Calls() []Call {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.record.calls)
}

// Forget empties the record.
func (j *Injector) Forget() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.record = record{}
}

func (j *Injector) begin(call wire.Call) (number int) {
	entry := Call{At: j.clock.Now(), Service: call.Service, Operation: call.Operation, Resource: resource(call.Input),
		AccountID: call.Caller.AccountID, Region: call.Caller.Region, AccessKeyID: call.Caller.AccessKeyID,
		InProcess: call.InProcess}
	j.mu.Lock()
	defer j.mu.Unlock()
	r := &j.record
	if len(r.calls) == maxRecorded {
		r.calls = slices.Delete(r.calls, 0, maxRecorded/2)
		r.first += maxRecorded / 2
	}
	entry.Number = r.first + len(r.calls) + 1
	r.calls = append(r.calls, entry)
	return entry.Number
}

func (j *Injector) end(number int, err error) {
	if err == nil {
		return
	}
	code := "error"
	var own *wire.Error
	var api smithy.APIError
	switch {
	case errors.Is(err, wire.ErrDrop):
		code = "dropped"
	case errors.As(err, &own):
		code = own.Code
	case errors.As(err, &api):
		code = api.ErrorCode()
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if i := number - j.record.first - 1; i >= 0 && i < len(j.record.calls) {
		j.record.calls[i].Error = code
	}
}

// resource picks the input's first member that names something.
func resource(input any) string {
	v := reflect.Indirect(reflect.ValueOf(input))
	if v.Kind() != reflect.Struct {
		return ""
	}
	for i := range v.NumField() {
		name := v.Type().Field(i).Name
		field := reflect.Indirect(v.Field(i))
		if names(name) && field.Kind() == reflect.String && field.Len() > 0 {
			return field.String()
		}
	}
	return ""
}

func names(field string) bool {
	for _, ending := range []string{"Name", "Arn", "ARN", "Identifier", "Id", "Service", "Cluster", "Family", "Bucket"} {
		if strings.HasSuffix(field, ending) {
			return true
		}
	}
	return false
}
