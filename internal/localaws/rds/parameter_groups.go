package rds

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/org/shipkit/internal/localaws/wire"
)

// CreateDBParameterGroup creates a parameter group for instances.
func (s *Service) CreateDBParameterGroup(
	ctx context.Context, in *rds.CreateDBParameterGroupInput,
) (*rds.CreateDBParameterGroupOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.here(ctx)
	arnOf := func(id string) string { return st.arn("pg", id) }
	g, err := addParameters(st.ParameterGroups, arnOf, in.DBParameterGroupName, in.DBParameterGroupFamily,
		in.Description, in.Tags)
	if err != nil {
		return nil, err
	}
	return &rds.CreateDBParameterGroupOutput{DBParameterGroup: g.instance()}, nil
}

// DescribeDBParameterGroups lists parameter groups for instances.
func (s *Service) DescribeDBParameterGroups(
	ctx context.Context, in *rds.DescribeDBParameterGroupsInput,
) (*rds.DescribeDBParameterGroupsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	groups, err := selected(s.here(ctx).ParameterGroups, in.DBParameterGroupName)
	if err != nil {
		return nil, err
	}
	var all []types.DBParameterGroup
	for _, g := range groups {
		all = append(all, *g.instance())
	}
	page, marker, err := paginate(all, in.Marker, in.MaxRecords)
	return &rds.DescribeDBParameterGroupsOutput{DBParameterGroups: page, Marker: marker}, err
}

// ModifyDBParameterGroup sets parameters.
func (s *Service) ModifyDBParameterGroup(
	ctx context.Context, in *rds.ModifyDBParameterGroupInput,
) (*rds.ModifyDBParameterGroupOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	groups, err := selected(s.here(ctx).ParameterGroups, in.DBParameterGroupName)
	if err != nil {
		return nil, err
	}
	return &rds.ModifyDBParameterGroupOutput{DBParameterGroupName: in.DBParameterGroupName},
		groups[0].setParameters(in.Parameters)
}

// DeleteDBParameterGroup deletes a parameter group that no instance uses.
func (s *Service) DeleteDBParameterGroup(
	ctx context.Context, in *rds.DeleteDBParameterGroupInput,
) (*rds.DeleteDBParameterGroupOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.here(ctx)
	groups, err := selected(st.ParameterGroups, in.DBParameterGroupName)
	if err != nil {
		return nil, err
	}
	for _, i := range st.Instances {
		if len(i.DBParameterGroups) > 0 && key(i.DBParameterGroups[0].DBParameterGroupName) == groups[0].Name {
			return nil, groups[0].inUse()
		}
	}
	delete(st.ParameterGroups, groups[0].Name)
	return &rds.DeleteDBParameterGroupOutput{}, nil
}

// CreateDBClusterParameterGroup creates a parameter group for clusters.
func (s *Service) CreateDBClusterParameterGroup(
	ctx context.Context, in *rds.CreateDBClusterParameterGroupInput,
) (*rds.CreateDBClusterParameterGroupOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.here(ctx)
	arnOf := func(id string) string { return st.arn("cluster-pg", id) }
	g, err := addParameters(st.ClusterParameterGroups, arnOf, in.DBClusterParameterGroupName,
		in.DBParameterGroupFamily, in.Description, in.Tags)
	if err != nil {
		return nil, err
	}
	return &rds.CreateDBClusterParameterGroupOutput{DBClusterParameterGroup: g.cluster()}, nil
}

// DescribeDBClusterParameterGroups lists parameter groups for clusters.
func (s *Service) DescribeDBClusterParameterGroups(
	ctx context.Context, in *rds.DescribeDBClusterParameterGroupsInput,
) (*rds.DescribeDBClusterParameterGroupsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	groups, err := selected(s.here(ctx).ClusterParameterGroups, in.DBClusterParameterGroupName)
	if err != nil {
		return nil, err
	}
	var all []types.DBClusterParameterGroup
	for _, g := range groups {
		all = append(all, *g.cluster())
	}
	page, marker, err := paginate(all, in.Marker, in.MaxRecords)
	return &rds.DescribeDBClusterParameterGroupsOutput{DBClusterParameterGroups: page, Marker: marker}, err
}

// ModifyDBClusterParameterGroup sets parameters.
func (s *Service) ModifyDBClusterParameterGroup(
	ctx context.Context, in *rds.ModifyDBClusterParameterGroupInput,
) (*rds.ModifyDBClusterParameterGroupOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	groups, err := selected(s.here(ctx).ClusterParameterGroups, in.DBClusterParameterGroupName)
	if err != nil {
		return nil, err
	}
	out := &rds.ModifyDBClusterParameterGroupOutput{DBClusterParameterGroupName: in.DBClusterParameterGroupName}
	return out, groups[0].setParameters(in.Parameters)
}

// DeleteDBClusterParameterGroup deletes a parameter group that no cluster
// uses.
func (s *Service) DeleteDBClusterParameterGroup(
	ctx context.Context, in *rds.DeleteDBClusterParameterGroupInput,
) (*rds.DeleteDBClusterParameterGroupOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.here(ctx)
	groups, err := selected(st.ClusterParameterGroups, in.DBClusterParameterGroupName)
	if err != nil {
		return nil, err
	}
	for _, c := range st.Clusters {
		if key(c.DBClusterParameterGroup) == groups[0].Name {
			return nil, groups[0].inUse()
		}
	}
	delete(st.ClusterParameterGroups, groups[0].Name)
	return &rds.DeleteDBClusterParameterGroupOutput{}, nil
}

// selected returns the named group, or all.
func selected(groups map[string]*parameterGroup, name *string) ([]*parameterGroup, error) {
	if name == nil {
		return inOrder(groups), nil
	}
	if g := groups[key(name)]; g != nil {
		return []*parameterGroup{g}, nil
	}
	return nil, wire.Errorf("DBParameterGroupNotFound", 404, "DBParameterGroup not found: %s", key(name))
}

func (g *parameterGroup) inUse() error {
	return wire.Errorf("InvalidDBParameterGroupState", 400,
		"One or more database instances are still members of this parameter group %s, "+
			"so the group cannot be deleted", g.Name)
}

func (g *parameterGroup) instance() *types.DBParameterGroup {
	return &types.DBParameterGroup{
		DBParameterGroupName: &g.Name, DBParameterGroupArn: &g.ARN, DBParameterGroupFamily: &g.Family,
		Description: &g.Description,
	}
}

func (g *parameterGroup) cluster() *types.DBClusterParameterGroup {
	return &types.DBClusterParameterGroup{
		DBClusterParameterGroupName: &g.Name, DBClusterParameterGroupArn: &g.ARN, DBParameterGroupFamily: &g.Family,
		Description: &g.Description,
	}
}
