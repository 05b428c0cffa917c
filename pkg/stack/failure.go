package stack

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/org/shipkit/pkg/diag"
)

// Failure is a stack that did not become what it should. It comes inside a
// diagnostic: find it with errors.As.
type Failure struct {
	Stack, Status string
	// Resource is the logical ID of the first resource that failed, Type its
	// type; both empty when the stack itself says why.
	Resource, Type string
	// Reason is in plain words, without request IDs.
	Reason string
}

// Error implements error.
func (f *Failure) Error() string {
	if f.Resource == "" {
		return fmt.Sprintf("stack %s ended in %s: %s", f.Stack, f.Status, f.Reason)
	}
	return fmt.Sprintf("stack %s ended in %s: %s (%s) failed: %s", f.Stack, f.Status, f.Resource, shortType(f.Type),
		f.Reason)
}

// failure names the first cause among the operation's events.
func (w *watch) failure(s *Stack) error {
	f := &Failure{Stack: w.name, Status: s.Status, Reason: plain(s.Reason)}
	var others []string
	for _, e := range w.events {
		own := aws.ToString(e.ResourceType) == stackType && aws.ToString(e.PhysicalResourceId) == w.id
		if own || !strings.HasSuffix(string(e.ResourceStatus), "_FAILED") || cancelled(e) {
			continue
		}
		if f.Resource == "" {
			f.Resource, f.Type = aws.ToString(e.LogicalResourceId), aws.ToString(e.ResourceType)
			f.Reason = plain(aws.ToString(e.ResourceStatusReason))
			continue
		}
		others = append(others, words(e))
	}
	if f.Reason == "" {
		f.Reason = "CloudFormation gives no reason"
	}
	return &diag.Diagnostic{Summary: f.Error(), Detail: strings.Join(others, "\n"), Try: remedy(f), Err: f}
}

// cancelled recognises a resource that was given up because another failed.
func cancelled(e types.StackEvent) bool {
	reason := aws.ToString(e.ResourceStatusReason)
	return strings.HasPrefix(reason, "Resource ") && strings.HasSuffix(strings.TrimSuffix(reason, "."), "cancelled")
}

var (
	handler = regexp.MustCompile(`^Resource handler returned message: "(.*)" \(RequestToken: [^)]*\)$`)
	service = regexp.MustCompile(` ?\(Service: [^)]*\)`)
	spaces  = regexp.MustCompile(`\s+`)
)

// plain takes the wrapping of CloudFormation's handlers and the request IDs
// off a reason.
func plain(reason string) string {
	reason = strings.TrimSpace(spaces.ReplaceAllString(reason, " "))
	if match := handler.FindStringSubmatch(reason); match != nil {
		reason = match[1]
	}
	reason = service.ReplaceAllString(reason, "")
	return strings.TrimSuffix(strings.TrimSpace(reason), ".")
}

// remedies maps a part of a reason to what to do.
var remedies = []struct{ part, try string }{
	{"not authorized to perform", "allow the named action in the IAM policy of the role that CloudFormation works under"},
	{"AccessDenied", "allow the named action in the IAM policy of the role that CloudFormation works under"},
	{"already exists", "delete what bears the name already, or choose another name"},
	{"please disable deletion protection", "take deletion protection off the database, then run again"},
	{"TerminationProtection is enabled", "take termination protection off the stack, then run again"},
	{"uota", "delete what nobody needs, or ask AWS for a higher quota"},
	{"limit", "delete what nobody needs, or ask AWS for a higher quota"},
	{"Circuit Breaker", "look at the stopped tasks of the service and their logs"},
	{"KMS", "give the role and the account access to the KMS key"},
	{"Cannot find version", "choose an engine version that the region offers"},
}

func remedy(f *Failure) string {
	for _, r := range remedies {
		if strings.Contains(f.Reason, r.part) {
			return r.try
		}
	}
	switch f.Status {
	case "UPDATE_ROLLBACK_FAILED":
		return "correct the cause, then continue the rollback of the stack in CloudFormation"
	case "DELETE_FAILED":
		return "remove what holds the resource, then run again"
	}
	return "look at the stack's events in CloudFormation"
}

// stuck explains a stack that a change cannot start from: why its latest
// operation failed.
func (d *Driver) stuck(ctx context.Context, s *Stack) error {
	w := watch{driver: d, id: s.ID, name: s.Name, seen: map[string]bool{}}
	events, err := w.fresh(ctx)
	if err != nil {
		return err
	}
	w.events = events
	return w.failure(s)
}
