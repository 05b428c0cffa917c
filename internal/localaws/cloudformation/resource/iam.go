package resource

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// createRole creates a role. Local IAM weighs trust, and no permissions: the
// role's policies are left out.
func createRole(ctx context.Context, w *World, r *Instance) error {
	name := r.text("RoleName")
	if name == "" {
		name = r.physicalName(64)
	}
	trust, err := document(r.Properties["AssumeRolePolicyDocument"])
	if err != nil {
		return err
	}
	in := &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: &trust}
	if err := fill(in, pick(r.Properties, "Description", "MaxSessionDuration", "Path")); err != nil {
		return err
	}
	out, err := Call[iam.CreateRoleOutput](ctx, w, "iam", "CreateRole", in)
	if err != nil {
		return err
	}
	r.PhysicalID = name
	r.Attributes = map[string]any{"Arn": aws.ToString(out.Role.Arn), "RoleId": aws.ToString(out.Role.RoleId)}
	return nil
}

// document returns a policy document as text; a template may hold it as text
// or as an object.
func document(value any) (string, error) {
	if text, ok := value.(string); ok {
		return text, nil
	}
	text, err := json.Marshal(value)
	if err != nil {
		return "", fmt.Errorf("encode a policy document: %w", err)
	}
	return string(text), nil
}

func removeRole(ctx context.Context, w *World, r *Instance, _ string) error {
	_, err := Call[iam.DeleteRoleOutput](ctx, w, "iam", "DeleteRole", &iam.DeleteRoleInput{RoleName: &r.PhysicalID})
	return err
}
