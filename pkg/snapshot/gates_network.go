package snapshot

import (
	"context"
	"errors"
	"strings"

	"github.com/org/shipkit/pkg/diag"
)

// network looks at the subnets and the security groups of the new database:
// RDS takes them of one network only.
func (g gatekeeper) network(ctx context.Context) error {
	vpc, err := g.subnets(ctx)
	if err != nil {
		return err
	}
	return g.groups(ctx, vpc)
}

// subnets returns the network that the new database stands in; "" if that
// cannot be known.
func (g gatekeeper) subnets(ctx context.Context) (vpc string, err error) {
	name := g.request.Parameters["SubnetGroup"]
	if name == "" {
		return "", nil
	}
	vpc, err = g.Target.Databases.SubnetGroup(ctx, name)
	if err == nil && vpc == "" {
		g.plan.Findings.Errorf("create it, or name another in subnet-group",
			"DB subnet group %q is not there in %s", name, g.Target.Region)
	}
	return vpc, err
}

func (g gatekeeper) groups(ctx context.Context, vpc string) error {
	ids := strings.FieldsFunc(g.request.Parameters["SecurityGroups"], func(r rune) bool { return r == ',' || r == ' ' })
	if len(ids) == 0 || g.gates.Groups == nil {
		return nil
	}
	found, err := g.gates.Groups(ctx, ids)
	if warning, ok := errors.AsType[*diag.Diagnostic](err); ok && warning.Severity == diag.Warning {
		g.plan.Findings.Add(warning)
		return nil
	}
	if err != nil {
		return err
	}
	where := "DB subnet group " + g.request.Parameters["SubnetGroup"]
	if g.request.Parameters["SubnetGroup"] == "" && g.request.ours() {
		where = "the default DB subnet group, as none is named,"
		if vpc, err = g.Target.Databases.SubnetGroup(ctx, "default"); err != nil {
			return err
		}
	}
	for _, id := range ids {
		of, there := found[id]
		switch {
		case !there:
			g.plan.Findings.Errorf("create it, or name another in security-groups; list them with: aws ec2 describe-security-groups",
				"security group %q is not there in %s of account %s", id, g.Target.Region, g.Target.Account)
		case vpc == "":
			vpc, where = of, "security group "+id
		case of != vpc:
			g.plan.Findings.Errorf("name security groups and a DB subnet group of one VPC",
				"security group %q is of %s, but %s is of %s: RDS takes them of one VPC only", id, of, where, vpc)
		}
	}
	return nil
}
