// Package resource creates, updates and deletes the resources of
// CloudFormation stacks by calling the other services of local AWS.
//
// A kind (kinds.go) is the one description of a resource type: which change
// replaces it and how its life goes. Source of each: the resource's page under
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/.
package resource

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/smithy-go"

	"github.com/org/shipkit/internal/localaws/clock"
	"github.com/org/shipkit/internal/localaws/wire"
)

// Invoker calls an operation of another local service; wire.Mux is one.
type Invoker interface {
	Invoke(ctx context.Context, service, operation string, input []byte, spell func(owner, field string) string) (any, error)
}

// World is what resources live in.
type World struct {
	Services Invoker
	Clock    *clock.Clock
}

// Instance is a resource of a stack.
type Instance struct {
	LogicalID  string
	Type       string
	PhysicalID string
	StackName  string
	StackID    string
	Properties map[string]any
	Attributes map[string]any // what GetAtt gives
	StackTags  map[string]string
}

// Kind is a resource type.
type Kind struct {
	// replacing lists the properties whose change creates a new resource.
	replacing []string
	// known lists the properties beside those of the create call's input.
	known []string
	// input is the create call's input struct, or nil to take any property.
	input any
	// snapshots tells whether a resource that says nothing of it is deleted
	// with a last snapshot.
	snapshots func(properties map[string]any) bool
	// taggable kinds carry the stack's tags.
	taggable bool

	create func(context.Context, *World, *Instance) error
	// update is nil where every change replaces.
	update func(context.Context, *World, *Instance) error
	// remove deletes; final names the last snapshot, "" for none.
	remove func(ctx context.Context, w *World, r *Instance, final string) error
}

// Lookup returns the kind of a type.
func Lookup(name string) (*Kind, error) {
	if k := kinds[name]; k != nil {
		return k, nil
	}
	return nil, &Error{Reason: fmt.Sprintf("Template format error: Unrecognized resource types: [%s]; local CloudFormation has %s",
		name, strings.Join(slices.Sorted(maps.Keys(kinds)), ", "))}
}

// Replaces tells whether a change of properties needs a new resource.
func (k *Kind) Replaces(before, after map[string]any) bool {
	if k.update == nil {
		return true
	}
	for _, name := range Changed(before, after) {
		if name == "DBSnapshotIdentifier" && after[name] == nil {
			continue // RDS instances keep their data when the property goes
		}
		if slices.Contains(k.replacing, name) {
			return true
		}
	}
	return false
}

// Taggable tells whether the stack's tags reach the resource.
func (k *Kind) Taggable() bool { return k.taggable }

// SnapshotByDefault tells what happens on deletion to a resource without a
// DeletionPolicy.
func (k *Kind) SnapshotByDefault(properties map[string]any) bool {
	return k.snapshots != nil && k.snapshots(properties)
}

// Create makes the resource. It sets PhysicalID as soon as there is something
// to delete, also when it fails later.
func (k *Kind) Create(ctx context.Context, w *World, r *Instance) error {
	if err := k.check(r.Properties); err != nil {
		return err
	}
	return explain(r, k.create(ctx, w, r))
}

// Update changes the resource to its properties.
func (k *Kind) Update(ctx context.Context, w *World, r *Instance) error {
	if err := k.check(r.Properties); err != nil {
		return err
	}
	return explain(r, k.update(ctx, w, r))
}

// Delete deletes the resource; final names the last snapshot, "" for none.
// What is gone already counts as deleted.
func (k *Kind) Delete(ctx context.Context, w *World, r *Instance, final string) error {
	if r.PhysicalID == "" || k.remove == nil {
		return nil
	}
	err := k.remove(ctx, w, r, final)
	if missing(err) {
		return nil
	}
	return explain(r, err)
}

// Changed lists the properties that differ.
func Changed(before, after map[string]any) []string {
	var names []string
	for name := range union(before, after) {
		if !same(before[name], after[name]) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func union(a, b map[string]any) map[string]any {
	all := maps.Clone(a)
	if all == nil {
		all = map[string]any{}
	}
	maps.Copy(all, b)
	return all
}

// same compares values as a saved state has them.
func same(a, b any) bool {
	x, errA := json.Marshal(a)
	y, errB := json.Marshal(b)
	return errA == nil && errB == nil && string(x) == string(y)
}

// Error is a failure of a resource in the words of CloudFormation's handlers.
type Error struct {
	Reason string
	Err    error
}

func (e *Error) Error() string { return e.Reason }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// explain puts a service's error into CloudFormation's words.
func explain(r *Instance, err error) error {
	var own *Error
	if err == nil || errors.As(err, &own) || errors.Is(err, context.Canceled) {
		return err
	}
	status, message, code := 500, err.Error(), "InternalFailure"
	var w *wire.Error
	var api smithy.APIError
	switch {
	case errors.As(err, &w):
		status, message, code = w.Status, w.Message, "GeneralServiceException"
	case errors.As(err, &api):
		status, message, code = 400, api.ErrorMessage(), "GeneralServiceException"
	}
	return &Error{Err: err, Reason: fmt.Sprintf(
		`Resource handler returned message: "%s (Service: %s, Status Code: %d, Request ID: %s)" (RequestToken: %s, HandlerErrorCode: %s)`,
		message, serviceOf(r.Type), status, id(), id(), code)}
}

// unstable is the failure of a resource that ends in a wrong state.
func unstable(r *Instance, state string) error {
	return &Error{Reason: fmt.Sprintf(
		`Resource handler returned message: "Resource of type '%s' with identifier '%s' did not stabilize: it is in state %s." `+
			`(RequestToken: %s, HandlerErrorCode: NotStabilized)`, r.Type, r.PhysicalID, state, id())}
}

// missing tells whether an error says that the object is not there.
func missing(err error) bool {
	var w *wire.Error
	if errors.As(err, &w) {
		return strings.Contains(w.Code, "NotFound")
	}
	var api smithy.APIError
	return errors.As(err, &api) && (strings.Contains(api.ErrorCode(), "NotFound") ||
		strings.Contains(api.ErrorCode(), "NotActive"))
}

func serviceOf(typ string) string {
	parts := strings.Split(typ, "::")
	if len(parts) < 2 {
		return typ
	}
	return strings.ToUpper(parts[1][:1]) + strings.ToLower(parts[1][1:])
}

// id returns an identifier in the form of a request's.
func id() string {
	s := strings.ToLower(rand.Text())
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20]
}

// physicalName makes a name from stack, resource and chance, as CloudFormation
// does for a resource that is not named.
func (r *Instance) physicalName(limit int) string {
	random := rand.Text()[:12]
	stem := r.StackName + "-" + r.LogicalID
	if room := limit - len(random) - 1; len(stem) > room {
		stem = strings.TrimRight(stem[:room], "-")
	}
	return stem + "-" + random
}

// poll asks until done says yes, an error, or the context ends.
func (w *World) poll(ctx context.Context, every time.Duration, done func() (bool, error)) error {
	for {
		ok, err := done()
		if ok || err != nil {
			return err
		}
		if err := w.Clock.Sleep(ctx, every); err != nil {
			return fmt.Errorf("wait for a resource: %w", err)
		}
	}
}

// Call calls an operation and returns its typed output.
func Call[O any](ctx context.Context, w *World, service, operation string, in any) (*O, error) {
	body, err := json.Marshal(in)
	if err != nil {
		return nil, fmt.Errorf("%s %s: encode: %w", service, operation, err)
	}
	out, err := w.Services.Invoke(ctx, service, operation, body, func(_, field string) string { return field })
	if err != nil {
		return nil, err //nolint:wrapcheck // a service's error becomes the event's reason as it is
	}
	typed, ok := out.(*O)
	if !ok {
		return nil, fmt.Errorf("%s %s: got %T", service, operation, out)
	}
	return typed, nil
}
