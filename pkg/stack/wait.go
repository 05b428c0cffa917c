package stack

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/org/shipkit/pkg/progress"
)

// stackType is the type of the stack's own events.
const stackType = "AWS::CloudFormation::Stack"

// Wait waits until CloudFormation has finished with a stack. It wants the ID,
// not the name. A stack that did not become what it should is a Failure.
func (d *Driver) Wait(ctx context.Context, id string) (*Stack, error) { return d.wait(ctx, id, "") }

// patience is how many looks an answer may be out of date: CloudFormation may
// show the state before a request for a while after it.
const patience = 12

// wait waits for the operation that a token began; "" is the latest.
func (d *Driver) wait(ctx context.Context, id, token string) (*Stack, error) {
	name := nameOf(id)
	w := watch{driver: d, id: id, name: name, seen: map[string]bool{}}
	for look := 1; ; look++ {
		events, err := w.fresh(ctx)
		if err != nil {
			return nil, err
		}
		w.tell(events)
		if settled(w.status) && (token == "" || token == w.token || look > patience) {
			break
		}
		if err := d.pause(ctx, d.every()); err != nil {
			return nil, fmt.Errorf("wait for stack %s: %w", name, err)
		}
	}
	s, err := d.Look(ctx, id)
	if err != nil {
		return nil, err
	}
	if s == nil {
		s = &Stack{Name: name, ID: id, Status: "DELETE_COMPLETE"}
	}
	if !s.Ready() {
		return s, w.failure(s)
	}
	d.Progress.Milestone(task(name), "is "+s.Status)
	return s, nil
}

// settled tells whether a status is final.
func settled(status string) bool {
	return status != "" && !strings.HasSuffix(status, "_IN_PROGRESS")
}

// nameOf returns the name in a stack's ARN:
// arn:aws:cloudformation:region:account:stack/name/uuid.
func nameOf(id string) string {
	parts := strings.Split(id, "/")
	if len(parts) < 2 {
		return id
	}
	return parts[1]
}

// watch follows one operation on a stack by its events: one call a look tells
// what happens and how the stack is.
type watch struct {
	driver *Driver
	id     string
	name   string
	seen   map[string]bool
	status string
	token  string             // of the request that began the operation
	events []types.StackEvent // of the operation, oldest first
	states map[string]types.ResourceStatus
}

// fresh returns the events that were not seen, oldest first. The first look
// goes back to the beginning of the latest operation.
func (w *watch) fresh(ctx context.Context) ([]types.StackEvent, error) {
	var found []types.StackEvent
	pages := cloudformation.NewDescribeStackEventsPaginator(w.driver.Client,
		&cloudformation.DescribeStackEventsInput{StackName: &w.id})
	for done := false; !done && pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("read the events of stack %s: %w", w.name, err)
		}
		for _, e := range page.StackEvents {
			if done = w.seen[aws.ToString(e.EventId)]; done {
				break
			}
			found = append(found, e)
			if done = begins(e); done {
				break
			}
		}
	}
	slices.Reverse(found)
	if len(found) > 0 && begins(found[0]) {
		w.events, w.states = nil, map[string]types.ResourceStatus{}
		w.token = aws.ToString(found[0].ClientRequestToken)
	}
	for _, e := range found {
		w.seen[aws.ToString(e.EventId)] = true
	}
	return found, nil
}

// begins recognises the first event of an operation.
func begins(e types.StackEvent) bool {
	if aws.ToString(e.ResourceType) != stackType || aws.ToString(e.PhysicalResourceId) != aws.ToString(e.StackId) {
		return false
	}
	switch e.ResourceStatus {
	case types.ResourceStatusCreateInProgress, types.ResourceStatusUpdateInProgress, types.ResourceStatusDeleteInProgress:
		return true
	}
	return false
}

// tell passes events on as progress.
func (w *watch) tell(events []types.StackEvent) {
	for _, e := range events {
		w.events = append(w.events, e)
		if aws.ToString(e.ResourceType) == stackType && aws.ToString(e.PhysicalResourceId) == w.id {
			w.status = string(e.ResourceStatus)
			if strings.Contains(w.status, "ROLLBACK") {
				w.driver.Progress.Warn(task(w.name), words(e))
			}
			continue
		}
		if w.states == nil {
			w.states = map[string]types.ResourceStatus{}
		}
		w.states[aws.ToString(e.LogicalResourceId)] = e.ResourceStatus
		status := string(e.ResourceStatus)
		failed := strings.HasSuffix(status, "_FAILED") && !cancelled(e)
		w.driver.Progress.Send(progress.Event{
			Task: task(w.name), Text: words(e), Done: w.complete(), Unit: "resources",
			Milestone: failed || strings.HasSuffix(status, "_COMPLETE"), Warn: failed,
		})
	}
}

// complete counts the resources that are done.
func (w *watch) complete() (n int64) {
	for _, status := range w.states {
		if strings.HasSuffix(string(status), "_COMPLETE") {
			n++
		}
	}
	return n
}

// words says what an event says: "DB (RDS DBInstance): create in progress".
func words(e types.StackEvent) string {
	what := aws.ToString(e.LogicalResourceId)
	if typ := aws.ToString(e.ResourceType); typ != stackType {
		what += " (" + shortType(typ) + ")"
	}
	text := what + ": " + strings.ToLower(strings.ReplaceAll(string(e.ResourceStatus), "_", " "))
	if reason := plain(aws.ToString(e.ResourceStatusReason)); reason != "" &&
		strings.HasSuffix(string(e.ResourceStatus), "_FAILED") {
		text += ": " + reason
	}
	return text
}

// shortType shortens AWS::RDS::DBInstance to RDS DBInstance.
func shortType(typ string) string {
	return strings.ReplaceAll(strings.TrimPrefix(typ, "AWS::"), "::", " ")
}
