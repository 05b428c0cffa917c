package promotesnapshot

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/org/shipkit/pkg/awsclient"
	"github.com/org/shipkit/pkg/diag"
)

// groups looks up security groups. It filters by their IDs, since asked for by
// ID all must be there. A caller who may not look goes without the check.
func groups(target aws.Config) func(context.Context, []string) (map[string]string, error) {
	client := ec2.NewFromConfig(target)
	return func(ctx context.Context, ids []string) (map[string]string, error) {
		out, err := client.DescribeSecurityGroups(ctx, &ec2.DescribeSecurityGroupsInput{
			Filters: []types.Filter{{Name: aws.String("group-id"), Values: ids}},
		})
		if action, _, denied := awsclient.Denied(err); denied {
			return nil, &diag.Diagnostic{
				Severity: diag.Warning, Err: err,
				Summary: "the security groups of the new database are not checked: AWS denied " + action,
				Try:     "allow " + action + " in the policy of the role",
			}
		}
		if err != nil {
			return nil, fmt.Errorf("look up the security groups of the new database: %w", err)
		}
		networks := map[string]string{}
		for _, group := range out.SecurityGroups {
			networks[aws.ToString(group.GroupId)] = aws.ToString(group.VpcId)
		}
		return networks, nil
	}
}
