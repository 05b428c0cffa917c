package contract

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	secrettypes "github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
)

// https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/
var tagged = []contract{
	{"tagging", "resources by tag and type", func(r *run) {
		_, err := secretsmanager.NewFromConfig(r.cfg).CreateSecret(r, &secretsmanager.CreateSecretInput{Name: aws.String("indexed"),
			SecretString: aws.String("x"), Tags: []secrettypes.Tag{{Key: aws.String("indexed"), Value: aws.String("yes")}}})
		r.ok("create", err)
		c := resourcegroupstaggingapi.NewFromConfig(r.cfg)
		for _, test := range []struct {
			in   *resourcegroupstaggingapi.GetResourcesInput
			want int
		}{
			{&resourcegroupstaggingapi.GetResourcesInput{TagFilters: []types.TagFilter{{Key: aws.String("indexed")}}}, 1},
			{&resourcegroupstaggingapi.GetResourcesInput{TagFilters: []types.TagFilter{{Key: aws.String("indexed"), Values: []string{"no"}}}}, 0},
			{&resourcegroupstaggingapi.GetResourcesInput{TagFilters: []types.TagFilter{{Key: aws.String("indexed")}},
				ResourceTypeFilters: []string{"secretsmanager:secret"}}, 1},
			{&resourcegroupstaggingapi.GetResourcesInput{TagFilters: []types.TagFilter{{Key: aws.String("indexed")}},
				ResourceTypeFilters: []string{"rds:db"}}, 0},
		} {
			out, err := c.GetResources(r, test.in)
			if r.ok("get", err) {
				r.equal("resources", len(out.ResourceTagMappingList), test.want)
				r.equal("last page's token", aws.ToString(out.PaginationToken), "")
			}
		}
	}},
}
