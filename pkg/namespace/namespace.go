// Package namespace derives every name of an environment from one short text,
// <customer>-<project>-<environment>, and from one timestamp, so that a re-run
// finds what an earlier run has made and nothing is made twice.
//
// All names fit AWS's limits by construction: a namespace has at most
// MaxLength characters, which is the limit of the tightest name that carries
// it whole (a target group, 32 characters:
// https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateTargetGroup.html).
// The next tightest, a DB instance or cluster identifier, takes 63
// (https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstance.html).
package namespace

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/org/shipkit/pkg/diag"
)

// MaxLength is the greatest length of a namespace in characters.
const MaxLength = 32

// Shared is the environment name of a project's common infrastructure, such as
// the load balancer that its pull request environments share.
const Shared = "shared"

// Namespace names one environment of one project of one customer.
type Namespace struct {
	Customer, Project, Environment string
}

var (
	leadPattern = regexp.MustCompile(`^[a-z][a-z0-9]*$`)
	partPattern = regexp.MustCompile(`^[a-z0-9]+$`)
)

// New returns the namespace of the three parts. All that is wrong with them
// comes back in one diag.List.
func New(customer, project, environment string) (Namespace, error) {
	var bad diag.List
	if !leadPattern.MatchString(customer) {
		bad.Errorf("use the customer's short name, such as \"xy\"",
			"namespace: customer %q: only a-z and 0-9 are allowed, a letter first", customer)
	}
	if !partPattern.MatchString(project) {
		bad.Errorf("use the project's number or short name, such as \"0146\"",
			"namespace: project %q: only a-z and 0-9 are allowed", project)
	}
	if !partPattern.MatchString(environment) {
		bad.Errorf("use a short name, such as \"dev\", \"staging\" or \"production\"",
			"namespace: environment %q: only a-z and 0-9 are allowed", environment)
	}
	n := Namespace{Customer: customer, Project: project, Environment: environment}
	if len(n.String()) > MaxLength {
		bad.Errorf("shorten the customer, the project or the environment",
			"namespace: %q has %d characters, at most %d are allowed", n, len(n.String()), MaxLength)
	}
	if err := bad.Err(); err != nil {
		return Namespace{}, err
	}
	return n, nil
}

// Parse reads <customer>-<project>-<environment>.
func Parse(s string) (Namespace, error) {
	parts := strings.Split(s, "-")
	if len(parts) != 3 {
		return Namespace{}, &diag.Diagnostic{
			Summary: fmt.Sprintf("namespace: %q is not <customer>-<project>-<environment>", s),
			Try:     "write it like \"xy-0146-dev\"",
		}
	}
	return New(parts[0], parts[1], parts[2])
}

// String returns <customer>-<project>-<environment>.
func (n Namespace) String() string {
	return n.Customer + "-" + n.Project + "-" + n.Environment
}

// In returns the same project's namespace of another environment.
func (n Namespace) In(environment string) (Namespace, error) {
	return New(n.Customer, n.Project, environment)
}

// Near makes a name that In takes from a text that it does not, such as a
// branch; "demo" if nothing of it can stay.
func (n Namespace) Near(text string) string {
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, strings.ToLower(text))
	room := MaxLength - len(Namespace{Customer: n.Customer, Project: n.Project}.String())
	if name = name[:min(len(name), max(room, 0))]; name == "" {
		return "demo"
	}
	return name
}

// Shared returns the namespace of the project's common infrastructure.
func (n Namespace) Shared() Namespace {
	return Namespace{Customer: n.Customer, Project: n.Project, Environment: Shared}
}

// PullRequest returns the namespace of a pull request's environment.
func (n Namespace) PullRequest(number int) (Namespace, error) {
	if number <= 0 {
		return Namespace{}, fmt.Errorf("namespace: pull request number %d is not positive", number)
	}
	return n.In("pr" + strconv.Itoa(number))
}
