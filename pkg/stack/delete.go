package stack

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"

	"github.com/org/shipkit/pkg/diag"
)

// attempts bounds how often a deletion is begun.
const attempts = 3

// Deletion is a stack that is to go.
type Deletion struct {
	Name string
	// Owner are tags that the stack must bear; none refuses.
	Owner map[string]string
	// Unprotect takes off the stack's own termination protection.
	Unprotect bool
	// Unblock is called when resources could not be deleted, and takes away
	// what holds them, such as a database's deletion protection. After nil the
	// deletion is tried again, at most twice. A nil Unblock does not retry.
	Unblock func(ctx context.Context, failures []Failure) error
}

// Delete deletes a stack and waits until it is gone. What is not there is
// deleted. Nothing is forced: a resource that cannot be deleted stays, with
// its stack.
func (d *Driver) Delete(ctx context.Context, r Deletion) error {
	s, err := d.Look(ctx, r.Name)
	if err != nil || s == nil {
		return err
	}
	if len(r.Owner) == 0 || !s.Bears(r.Owner) {
		return foreign(s)
	}
	if s.Protected && r.Unprotect {
		_, err := d.Client.UpdateTerminationProtection(ctx, &cloudformation.UpdateTerminationProtectionInput{
			StackName: &s.ID, EnableTerminationProtection: new(false),
		})
		if err != nil {
			return fmt.Errorf("take termination protection off stack %s: %w", s.Name, err)
		}
	}
	for attempt := 1; ; attempt++ {
		if err = d.deleteOnce(ctx, s); err == nil {
			return nil
		}
		var blocked *blockedError
		if !errors.As(err, &blocked) || r.Unblock == nil || attempt == attempts {
			return err
		}
		d.Progress.Warn(task(s.Name), "could not be deleted: "+blocked.failures[0].Reason)
		if err := r.Unblock(ctx, blocked.failures); err != nil {
			return fmt.Errorf("clear the way to delete stack %s: %w", s.Name, err)
		}
	}
}

func (d *Driver) deleteOnce(ctx context.Context, s *Stack) error {
	if err := d.BeginDelete(ctx, s.ID); err != nil {
		return err
	}
	return d.awaitDeletion(ctx, s.Name, s.ID)
}

// BeginDelete starts the deletion of a stack, by name or ID, and returns. A
// stack that is not there or is being deleted is no error.
func (d *Driver) BeginDelete(ctx context.Context, nameOrID string) error {
	in := &cloudformation.DeleteStackInput{StackName: &nameOrID}
	if d.RoleARN != "" {
		in.RoleARN = &d.RoleARN
	}
	if _, err := d.Client.DeleteStack(ctx, in); err != nil && !absent(err) {
		if code(err) != "ValidationError" {
			return fmt.Errorf("delete stack %s: %w", nameOf(nameOrID), err)
		}
		return &diag.Diagnostic{
			Summary: fmt.Sprintf("delete stack %s: %s", nameOf(nameOrID), message(err)),
			Try:     remedy(&Failure{Reason: message(err)}), Err: err,
		}
	}
	return nil
}

// blockedError is a deletion that ended in DELETE_FAILED.
type blockedError struct {
	failures []Failure
	text     error
}

func (e *blockedError) Error() string { return e.text.Error() }

// Unwrap returns the diagnostic.
func (e *blockedError) Unwrap() error { return e.text }

// awaitDeletion waits until a stack is gone.
func (d *Driver) awaitDeletion(ctx context.Context, name, id string) error {
	w := watch{driver: d, id: id, name: name, seen: map[string]bool{}}
	begun := false
	for look := 1; ; look++ {
		s, err := d.Look(ctx, id)
		if err != nil {
			return err
		}
		if s == nil {
			d.Progress.Milestone(task(name), "is deleted")
			return nil
		}
		events, err := w.fresh(ctx)
		if err != nil {
			return err
		}
		w.tell(events)
		begun = begun || s.Deleting()
		if !s.Busy() && (begun || look > patience) {
			return &blockedError{failures: w.blocked(s), text: w.failure(s)}
		}
		if err := d.pause(ctx, d.every()); err != nil {
			return fmt.Errorf("wait until stack %s is deleted: %w", name, err)
		}
	}
}

// blocked lists the resources that could not be deleted.
func (w *watch) blocked(s *Stack) (failures []Failure) {
	for _, e := range w.events {
		if aws.ToString(e.ResourceType) != stackType && strings.HasSuffix(string(e.ResourceStatus), "_FAILED") {
			failures = append(failures, Failure{
				Stack: w.name, Status: s.Status, Resource: aws.ToString(e.LogicalResourceId),
				Type:   aws.ToString(e.ResourceType),
				Reason: plain(aws.ToString(e.ResourceStatusReason)),
			})
		}
	}
	if len(failures) == 0 {
		failures = []Failure{{Stack: w.name, Status: s.Status, Reason: plain(s.Reason)}}
	}
	return failures
}
