package resource

import (
	"cmp"
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
)

func createSecurityGroup(ctx context.Context, w *World, r *Instance) error {
	in := &ec2.CreateSecurityGroupInput{
		GroupName: aws.String(cmp.Or(r.text("GroupName"), r.physicalName(255))), Description: aws.String(r.text("GroupDescription")),
	}
	if vpc := r.text("VpcId"); vpc != "" {
		in.VpcId = &vpc
	}
	out, err := Call[ec2.CreateSecurityGroupOutput](ctx, w, "ec2", "CreateSecurityGroup", in)
	if err != nil {
		return err
	}
	r.PhysicalID = aws.ToString(out.GroupId)
	r.Attributes = map[string]any{"GroupId": r.PhysicalID, "VpcId": r.text("VpcId")}
	return w.pause(ctx, modelTime)
}

func removeSecurityGroup(ctx context.Context, w *World, r *Instance, _ string) error {
	_, err := Call[ec2.DeleteSecurityGroupOutput](ctx, w, "ec2", "DeleteSecurityGroup", &ec2.DeleteSecurityGroupInput{GroupId: &r.PhysicalID})
	return err
}
