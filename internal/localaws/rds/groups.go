package rds

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/org/shipkit/internal/localaws/ec2"
	"github.com/org/shipkit/internal/localaws/wire"
)

const localVPC = ec2.VPC

type subnetGroup struct {
	types.DBSubnetGroup
	Tags []types.Tag
}

// CreateDBSubnetGroup names the subnets of databases. Subnets are names here;
// they lie in the region's zones by turns.
func (s *Service) CreateDBSubnetGroup(ctx context.Context,
	in *rds.CreateDBSubnetGroupInput) (*rds.CreateDBSubnetGroupOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.here(ctx)
	id := strings.ToLower(aws.ToString(in.DBSubnetGroupName))
	switch {
	case id == "" || id == "default":
		return nil, invalid("Invalid DB subnet group name: %q", id)
	case st.SubnetGroups[id] != nil:
		return nil, wire.Errorf("DBSubnetGroupAlreadyExists", 400, "The DB subnet group '%s' already exists.", id)
	case len(in.SubnetIds) < 2:
		return nil, wire.Errorf("DBSubnetGroupDoesNotCoverEnoughAZs", 400,
			"The DB subnet group doesn't meet Availability Zone (AZ) coverage requirement. "+
				"Current AZ coverage: %d. Add subnets to cover at least 2 AZs.", len(in.SubnetIds))
	}
	g := &subnetGroup{Tags: in.Tags, DBSubnetGroup: types.DBSubnetGroup{
		DBSubnetGroupName: &id, DBSubnetGroupArn: new(st.arn("subgrp", id)),
		DBSubnetGroupDescription: in.DBSubnetGroupDescription,
		SubnetGroupStatus:        new("Complete"), VpcId: new(localVPC),
	}}
	for n, subnet := range in.SubnetIds {
		zone := st.Region + string(rune('a'+n%3))
		g.Subnets = append(g.Subnets, types.Subnet{
			SubnetIdentifier: new(subnet), SubnetStatus: new("Active"),
			SubnetAvailabilityZone: &types.AvailabilityZone{Name: &zone},
		})
	}
	st.SubnetGroups[id] = g
	return &rds.CreateDBSubnetGroupOutput{DBSubnetGroup: new(g.DBSubnetGroup)}, nil
}

// DescribeDBSubnetGroups lists subnet groups.
func (s *Service) DescribeDBSubnetGroups(
	ctx context.Context, in *rds.DescribeDBSubnetGroupsInput,
) (*rds.DescribeDBSubnetGroupsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.here(ctx)
	if in.DBSubnetGroupName != nil {
		g, err := st.subnets(in.DBSubnetGroupName)
		if err != nil {
			return nil, err
		}
		return &rds.DescribeDBSubnetGroupsOutput{DBSubnetGroups: []types.DBSubnetGroup{*g}}, nil
	}
	var all []types.DBSubnetGroup
	for _, g := range inOrder(st.SubnetGroups) {
		all = append(all, g.DBSubnetGroup)
	}
	page, marker, err := paginate(all, in.Marker, in.MaxRecords)
	return &rds.DescribeDBSubnetGroupsOutput{DBSubnetGroups: page, Marker: marker}, err
}

// DeleteDBSubnetGroup deletes a subnet group that no database uses.
func (s *Service) DeleteDBSubnetGroup(ctx context.Context,
	in *rds.DeleteDBSubnetGroupInput) (*rds.DeleteDBSubnetGroupOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.here(ctx)
	id := key(in.DBSubnetGroupName)
	if st.SubnetGroups[id] == nil {
		return nil, wire.Errorf("DBSubnetGroupNotFoundFault", 404, "DB subnet group '%s' does not exist.", id)
	}
	for _, i := range st.Instances {
		if i.DBSubnetGroup != nil && aws.ToString(i.DBSubnetGroup.DBSubnetGroupName) == id {
			return nil, st.groupInUse(id, *i.DBInstanceIdentifier)
		}
	}
	for _, c := range st.Clusters {
		if aws.ToString(c.DBSubnetGroup) == id {
			return nil, st.groupInUse(id, *c.DBClusterIdentifier)
		}
	}
	delete(st.SubnetGroups, id)
	return &rds.DeleteDBSubnetGroupOutput{}, nil
}

func (st *state) groupInUse(group, database string) error {
	return wire.Errorf("InvalidDBSubnetGroupStateFault", 400,
		"Cannot delete the subnet group '%s' because at least one database instance: %s is still using it.", group, database)
}

// subnets returns a subnet group; nil names the default one.
func (st *state) subnets(name *string) (*types.DBSubnetGroup, error) {
	if name == nil || key(name) == "default" {
		return &types.DBSubnetGroup{
			DBSubnetGroupName: new("default"), DBSubnetGroupDescription: new("default"),
			DBSubnetGroupArn: new(st.arn("subgrp", "default")), SubnetGroupStatus: new("Complete"), VpcId: new(localVPC),
		}, nil
	}
	if g := st.SubnetGroups[key(name)]; g != nil {
		return new(g.DBSubnetGroup), nil
	}
	return nil, wire.Errorf("DBSubnetGroupNotFoundFault", 404, "DB subnet group '%s' does not exist.", key(name))
}

// parameterGroup is a group for instances or for clusters. Its parameters are
// kept, and not applied to PostgreSQL.
type parameterGroup struct {
	Name, ARN, Family, Description string
	Parameters                     []types.Parameter
	Tags                           []types.Tag
}

// instanceParameters returns an instance's parameter group; nil names the
// engine's default.
func (st *state) instanceParameters(name, engine, version *string) ([]types.DBParameterGroupStatus, error) {
	group, err := parametersNamed(st.ParameterGroups, "DBParameterGroupNotFound", name, engine, version)
	if err != nil {
		return nil, err
	}
	return []types.DBParameterGroupStatus{{DBParameterGroupName: &group, ParameterApplyStatus: new("in-sync")}}, nil
}

func (st *state) clusterParameters(name, engine, version *string) (*string, error) {
	group, err := parametersNamed(st.ClusterParameterGroups, "DBClusterParameterGroupNotFound", name, engine, version)
	return &group, err
}

func parametersNamed(groups map[string]*parameterGroup, missing string, name, engine, version *string) (string, error) {
	family := familyOf(aws.ToString(engine), aws.ToString(version))
	id := key(name)
	if name == nil || strings.HasPrefix(id, "default.") {
		return "default." + family, nil
	}
	g := groups[id]
	if g == nil {
		return "", wire.Errorf(missing, 404, "DBParameterGroup not found: %s", id)
	}
	if g.Family != family {
		return "", combination("The parameter group %s with DBParameterGroupFamily %s can't be used for this instance. "+
			"Use a parameter group with DBParameterGroupFamily %s.", id, g.Family, family)
	}
	return id, nil
}

// addParameters files a new parameter group. The lock is held.
func addParameters(groups map[string]*parameterGroup, arnOf func(string) string, name, family, description *string,
	tags []types.Tag) (*parameterGroup, error) {
	id, err := newID("DBParameterGroupName", name, 255)
	if err != nil {
		return nil, err
	}
	if groups[id] != nil {
		return nil, wire.Errorf("DBParameterGroupAlreadyExists", 400, "Parameter group %s already exists", id)
	}
	if !knownFamily(aws.ToString(family)) {
		return nil, invalid("ParameterGroupFamily %s is not a valid parameter group family", aws.ToString(family))
	}
	g := &parameterGroup{Name: id, ARN: arnOf(id), Family: *family, Description: aws.ToString(description), Tags: tags}
	groups[id] = g
	return g, nil
}

// setParameters merges parameters into a group.
func (g *parameterGroup) setParameters(parameters []types.Parameter) error {
	merged := append([]types.Parameter(nil), g.Parameters...)
	for _, p := range parameters {
		if aws.ToString(p.ParameterName) == "" {
			return fmt.Errorf("modify parameter group %s: %w", g.Name,
				invalid("The parameter ParameterName must be provided and must not be blank."))
		}
		at := -1
		for i := range merged {
			if aws.ToString(merged[i].ParameterName) == *p.ParameterName {
				at = i
			}
		}
		if at < 0 {
			merged = append(merged, p)
		} else {
			merged[at] = p
		}
	}
	g.Parameters = merged
	return nil
}
