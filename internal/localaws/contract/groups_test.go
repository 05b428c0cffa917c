package contract

import (
	"regexp"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSecurityGroups.html, …/errors-overview.html
var securityGroups = []contract{
	{"ec2", "security groups", func(r *run) {
		c := ec2.NewFromConfig(r.cfg)
		in := &ec2.CreateSecurityGroupInput{GroupName: aws.String("contract"), Description: aws.String("of a contract"), VpcId: &r.vpc}
		made, err := c.CreateSecurityGroup(r, in)
		if !r.ok("create", err) {
			return
		}
		id := *made.GroupId
		r.equal("id", regexp.MustCompile("^sg-[0-9a-f]{17}$").MatchString(id), true)
		_, err = c.CreateSecurityGroup(r, in)
		r.fails("create twice", err, "InvalidGroup.Duplicate")

		find := func(step string, ids []string, want int, filters ...types.Filter) {
			out, err := c.DescribeSecurityGroups(r, &ec2.DescribeSecurityGroupsInput{GroupIds: ids, Filters: filters})
			if !r.ok(step, err) {
				return
			}
			r.equal(step+": number", len(out.SecurityGroups), want)
			for _, g := range out.SecurityGroups {
				r.equal(step+": which", []string{*g.GroupId, *g.GroupName, *g.Description, *g.VpcId}, []string{id, "contract", "of a contract", r.vpc})
			}
		}
		const nobody = "sg-0123456789abcdef0"
		find("by id", []string{id}, 1)
		find("by a filter, beside what is not there", nil, 1, filter("group-id", id, nobody, "nonsense"))
		find("by two filters", nil, 1, filter("vpc-id", r.vpc), filter("group-name", "contract"))
		find("in another network", nil, 0, filter("vpc-id", "vpc-0123456789abcdef0"), filter("group-id", id))
		_, err = c.DescribeSecurityGroups(r, &ec2.DescribeSecurityGroupsInput{GroupIds: []string{id, nobody}})
		r.fails("what is not there", err, "InvalidGroup.NotFound")
		_, err = c.DescribeSecurityGroups(r, &ec2.DescribeSecurityGroupsInput{GroupIds: []string{"nonsense"}})
		r.fails("no id", err, "InvalidGroupId.Malformed")

		_, err = c.DeleteSecurityGroup(r, &ec2.DeleteSecurityGroupInput{GroupId: &id})
		r.ok("delete", err)
		_, err = c.DeleteSecurityGroup(r, &ec2.DeleteSecurityGroupInput{GroupId: &id})
		r.fails("delete twice", err, "InvalidGroup.NotFound")
	}},
	{"ec2", "the default security group", func(r *run) {
		c := ec2.NewFromConfig(r.cfg)
		out, err := c.DescribeSecurityGroups(r, &ec2.DescribeSecurityGroupsInput{Filters: []types.Filter{filter("group-name", "default")}})
		if !r.ok("find", err) || len(out.SecurityGroups) == 0 {
			r.equal("number", len(out.SecurityGroups), 1)
			return
		}
		_, err = c.DeleteSecurityGroup(r, &ec2.DeleteSecurityGroupInput{GroupId: out.SecurityGroups[0].GroupId})
		r.fails("delete", err, "CannotDelete")
	}},
}

func filter(name string, values ...string) types.Filter {
	return types.Filter{Name: &name, Values: values}
}
