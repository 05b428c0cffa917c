package resource

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	secrets "github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	parameters "github.com/aws/aws-sdk-go-v2/service/ssm/types"
)

func createParameter(ctx context.Context, w *World, r *Instance) error {
	name := r.text("Name")
	if name == "" {
		name = r.physicalName(500)
	}
	return putParameter(ctx, w, r, name, false)
}

func updateParameter(ctx context.Context, w *World, r *Instance) error {
	return putParameter(ctx, w, r, r.PhysicalID, true)
}

func putParameter(ctx context.Context, w *World, r *Instance, name string, overwrite bool) error {
	in := &ssm.PutParameterInput{Name: &name, Overwrite: &overwrite}
	if err := fill(in, pick(r.Properties, "Type", "Value", "Description", "Tier", "AllowedPattern",
		"DataType")); err != nil {
		return err
	}
	if !overwrite { // PutParameter takes tags for a new parameter only
		for _, t := range r.tags() {
			in.Tags = append(in.Tags, parameters.Tag{Key: new(t.Key), Value: new(t.Value)})
		}
	}
	if _, err := Call[ssm.PutParameterOutput](ctx, w, "ssm", "PutParameter", in); err != nil {
		return err
	}
	r.PhysicalID = name
	r.Attributes = map[string]any{"Type": r.text("Type"), "Value": r.text("Value")}
	return nil
}

func removeParameter(ctx context.Context, w *World, r *Instance, _ string) error {
	_, err := Call[ssm.DeleteParameterOutput](ctx, w, "ssm", "DeleteParameter",
		&ssm.DeleteParameterInput{Name: &r.PhysicalID})
	return err
}

// createSecret makes a secret, with a random value if GenerateSecretString
// asks for one.
func createSecret(ctx context.Context, w *World, r *Instance) error {
	in := &secretsmanager.CreateSecretInput{Name: new(r.physicalName(512))}
	if err := fill(in, pick(r.Properties, "Name", "Description", "KmsKeyId", "SecretString")); err != nil {
		return err
	}
	if generate, ok := r.Properties["GenerateSecretString"].(map[string]any); ok {
		value, err := generateSecret(generate)
		if err != nil {
			return err
		}
		in.SecretString = &value
	}
	for _, t := range r.tags() {
		in.Tags = append(in.Tags, secrets.Tag{Key: new(t.Key), Value: new(t.Value)})
	}
	out, err := Call[secretsmanager.CreateSecretOutput](ctx, w, "secretsmanager", "CreateSecret", in)
	if err != nil {
		return err
	}
	r.PhysicalID = aws.ToString(out.ARN)
	r.Attributes = map[string]any{"Id": r.PhysicalID}
	return nil
}

// generateSecret makes a random text, or puts it into a JSON object under
// GenerateStringKey.
func generateSecret(options map[string]any) (string, error) {
	random := rand.Text() + rand.Text()
	key, _ := options["GenerateStringKey"].(string)
	if key == "" {
		return random, nil
	}
	base, _ := options["SecretStringTemplate"].(string)
	object := map[string]any{}
	if err := json.Unmarshal([]byte(base), &object); err != nil {
		return "", &Error{Reason: fmt.Sprintf("SecretStringTemplate is no JSON object: %v", err)}
	}
	object[key] = random
	value, err := json.Marshal(object)
	if err != nil {
		return "", fmt.Errorf("encode the secret: %w", err)
	}
	return string(value), nil
}

func removeSecret(ctx context.Context, w *World, r *Instance, _ string) error {
	_, err := Call[secretsmanager.DeleteSecretOutput](ctx, w, "secretsmanager", "DeleteSecret",
		&secretsmanager.DeleteSecretInput{SecretId: &r.PhysicalID, ForceDeleteWithoutRecovery: new(true)})
	return err
}

func createLogGroup(ctx context.Context, w *World, r *Instance) error {
	name := r.text("LogGroupName")
	if name == "" {
		name = r.physicalName(512)
	}
	in := &cloudwatchlogs.CreateLogGroupInput{LogGroupName: &name, Tags: map[string]string{}}
	for _, t := range r.tags() {
		in.Tags[t.Key] = t.Value
	}
	if _, err := Call[cloudwatchlogs.CreateLogGroupOutput](ctx, w, "logs", "CreateLogGroup", in); err != nil {
		return err
	}
	r.PhysicalID = name
	return updateLogGroup(ctx, w, r)
}

func updateLogGroup(ctx context.Context, w *World, r *Instance) error {
	if r.text("RetentionInDays") == "" {
		return nil
	}
	in := &cloudwatchlogs.PutRetentionPolicyInput{LogGroupName: &r.PhysicalID}
	if err := fill(in, pick(r.Properties, "RetentionInDays")); err != nil {
		return err
	}
	_, err := Call[cloudwatchlogs.PutRetentionPolicyOutput](ctx, w, "logs", "PutRetentionPolicy", in)
	return err
}

func removeLogGroup(ctx context.Context, w *World, r *Instance, _ string) error {
	_, err := Call[cloudwatchlogs.DeleteLogGroupOutput](ctx, w, "logs", "DeleteLogGroup",
		&cloudwatchlogs.DeleteLogGroupInput{LogGroupName: &r.PhysicalID})
	return err
}

func createSchedule(ctx context.Context, w *World, r *Instance) error {
	in := &scheduler.CreateScheduleInput{Name: new(r.physicalName(64))}
	if err := fill(in, r.Properties); err != nil {
		return err
	}
	out, err := Call[scheduler.CreateScheduleOutput](ctx, w, "scheduler", "CreateSchedule", in)
	if err != nil {
		return err
	}
	r.PhysicalID = *in.Name
	r.Attributes = map[string]any{"Arn": aws.ToString(out.ScheduleArn)}
	return nil
}

func updateSchedule(ctx context.Context, w *World, r *Instance) error {
	in := &scheduler.UpdateScheduleInput{}
	if err := fill(in, r.Properties); err != nil {
		return err
	}
	in.Name = &r.PhysicalID
	_, err := Call[scheduler.UpdateScheduleOutput](ctx, w, "scheduler", "UpdateSchedule", in)
	return err
}

func removeSchedule(ctx context.Context, w *World, r *Instance, _ string) error {
	in := &scheduler.DeleteScheduleInput{Name: &r.PhysicalID}
	if group := r.text("GroupName"); group != "" {
		in.GroupName = &group
	}
	_, err := Call[scheduler.DeleteScheduleOutput](ctx, w, "scheduler", "DeleteSchedule", in)
	return err
}
