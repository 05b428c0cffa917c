// Package iam knows roles, and answers what a principal may do. Nothing is enforced but the denials that a test injects.
// https://docs.aws.amazon.com/IAM/latest/APIReference/
package iam

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/org/shipkit/internal/localaws/kept"
	"github.com/org/shipkit/internal/localaws/wire"
)

// Clock tells the simulated time.
type Clock interface{ Now() time.Time }

// Denials says whether a call is denied at present.
type Denials interface {
	Denied(service, operation string) bool
}

// Service is Identity and Access Management.
type Service struct {
	kept.State

	clock   Clock
	denials Denials

	mu    sync.Mutex
	roles map[string]*role // by account and name
}

type role struct {
	Name, Path, ARN, ID, Trust string
	Description                *string
	Created                    time.Time
	Tags                       map[string]string
}

// New returns a service without roles.
func New(c Clock, d Denials) *Service {
	s := &Service{clock: c, denials: d, roles: map[string]*role{}}
	s.State = kept.Of(&s.mu, &s.roles)
	return s
}

// Wire puts the service on the wire.
func (s *Service) Wire() *wire.Service {
	w := wire.NewService(wire.ServiceInfo{Name: "iam", Protocol: wire.Query, Namespace: "https://iam.amazonaws.com/doc/2010-05-08/"})
	wire.Handle(w, "CreateRole", s.CreateRole)
	wire.Handle(w, "GetRole", s.GetRole)
	wire.Handle(w, "DeleteRole", s.DeleteRole)
	wire.Handle(w, "SimulatePrincipalPolicy", s.SimulatePrincipalPolicy)
	return w
}

// CreateRole makes a role.
func (s *Service) CreateRole(ctx context.Context, in *iam.CreateRoleInput) (*iam.CreateRoleOutput, error) {
	name, account, path := aws.ToString(in.RoleName), wire.Caller(ctx).AccountID, aws.ToString(in.Path)
	switch {
	case name == "" || len(name) > 64:
		return nil, wire.Errorf("ValidationError", 400, "The specified value for roleName is invalid.")
	case !json.Valid([]byte(aws.ToString(in.AssumeRolePolicyDocument))):
		return nil, wire.Errorf("MalformedPolicyDocument", 400, "This policy contains invalid Json")
	case path == "":
		path = "/"
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.roles[account+" "+name] != nil {
		return nil, wire.Errorf("EntityAlreadyExists", 409, "Role with name %s already exists.", name)
	}
	r := &role{Name: name, Path: path, ARN: "arn:aws:iam::" + account + ":role" + path + name, ID: "AROA" + rand.Text()[:17],
		Trust: *in.AssumeRolePolicyDocument, Description: in.Description, Created: s.clock.Now(), Tags: map[string]string{}}
	for _, t := range in.Tags {
		r.Tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	s.roles[account+" "+name] = r
	return &iam.CreateRoleOutput{Role: r.render()}, nil
}

func (s *Service) find(ctx context.Context, name *string) (*role, error) {
	r := s.roles[wire.Caller(ctx).AccountID+" "+aws.ToString(name)]
	if r == nil {
		return nil, wire.Errorf("NoSuchEntity", 404, "The role with name %s cannot be found.", aws.ToString(name))
	}
	return r, nil
}

// GetRole returns a role.
func (s *Service) GetRole(ctx context.Context, in *iam.GetRoleInput) (*iam.GetRoleOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.find(ctx, in.RoleName)
	if err != nil {
		return nil, err
	}
	return &iam.GetRoleOutput{Role: r.render()}, nil
}

// DeleteRole removes a role.
func (s *Service) DeleteRole(ctx context.Context, in *iam.DeleteRoleInput) (*iam.DeleteRoleOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.find(ctx, in.RoleName)
	if err != nil {
		return nil, err
	}
	delete(s.roles, wire.Caller(ctx).AccountID+" "+r.Name)
	return &iam.DeleteRoleOutput{}, nil
}

// render returns the trust policy percent-encoded, as IAM does (RFC 3986).
func (r *role) render() *types.Role {
	out := &types.Role{RoleName: &r.Name, Path: &r.Path, Arn: &r.ARN, RoleId: &r.ID, CreateDate: &r.Created,
		Description: r.Description, MaxSessionDuration: aws.Int32(3600),
		AssumeRolePolicyDocument: aws.String(strings.ReplaceAll(url.QueryEscape(r.Trust), "+", "%20"))}
	for k, v := range r.Tags {
		out.Tags = append(out.Tags, types.Tag{Key: aws.String(k), Value: aws.String(v)})
	}
	return out
}

// SimulatePrincipalPolicy allows every action but those that are denied by an injected fault (see package fault).
func (s *Service) SimulatePrincipalPolicy(_ context.Context, in *iam.SimulatePrincipalPolicyInput) (
	*iam.SimulatePrincipalPolicyOutput, error) {
	if aws.ToString(in.PolicySourceArn) == "" || len(in.ActionNames) == 0 {
		return nil, wire.Errorf("InvalidInput", 400, "PolicySourceArn and ActionNames are required.")
	}
	resources := in.ResourceArns
	if len(resources) == 0 {
		resources = []string{"*"}
	}
	out := &iam.SimulatePrincipalPolicyOutput{EvaluationResults: []types.EvaluationResult{}}
	for _, action := range in.ActionNames {
		service, operation, ok := strings.Cut(action, ":")
		if !ok {
			return nil, wire.Errorf("InvalidInput", 400, "Invalid Action: %s", action)
		}
		decision := types.PolicyEvaluationDecisionTypeAllowed
		if s.denials.Denied(service, operation) {
			decision = types.PolicyEvaluationDecisionTypeImplicitDeny
		}
		for _, resource := range resources {
			out.EvaluationResults = append(out.EvaluationResults, types.EvaluationResult{EvalActionName: aws.String(action),
				EvalResourceName: aws.String(resource), EvalDecision: decision})
		}
	}
	return out, nil
}
