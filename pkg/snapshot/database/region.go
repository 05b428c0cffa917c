package database

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
)

// region is what both engines ask an account and region alike.
type region struct{ Client *rds.Client }

// quotas reads what RDS allows the account, by the names that RDS gives
// (https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_AccountQuota.html).
func (r region) quotas(ctx context.Context) (map[string]Quota, error) {
	out, err := r.Client.DescribeAccountAttributes(ctx, &rds.DescribeAccountAttributesInput{})
	if err != nil {
		return nil, fmt.Errorf("read the account's quotas: %w", err)
	}
	quotas := map[string]Quota{}
	for _, q := range out.AccountQuotas {
		quotas[aws.ToString(q.AccountQuotaName)] = Quota{Used: int(aws.ToInt64(q.Used)), Max: int(aws.ToInt64(q.Max))}
	}
	return quotas, nil
}

// Family implements Region.
func (r region) Family(ctx context.Context, engine, version string) (string, error) {
	out, err := r.Client.DescribeDBEngineVersions(ctx, &rds.DescribeDBEngineVersionsInput{
		Engine: &engine, EngineVersion: &version,
	})
	if err != nil {
		return "", fmt.Errorf("look up engine %s %s: %w", engine, version, err)
	}
	if len(out.DBEngineVersions) == 0 {
		return "", nil
	}
	return aws.ToString(out.DBEngineVersions[0].DBParameterGroupFamily), nil
}

// SubnetGroup implements Region.
func (r region) SubnetGroup(ctx context.Context, name string) (string, error) {
	out, err := r.Client.DescribeDBSubnetGroups(ctx, &rds.DescribeDBSubnetGroupsInput{DBSubnetGroupName: &name})
	found, err := one[*types.DBSubnetGroupNotFoundFault]("DB subnet group", name, err,
		func() []types.DBSubnetGroup { return out.DBSubnetGroups })
	if found == nil {
		return "", err
	}
	return aws.ToString(found.VpcId), nil
}
