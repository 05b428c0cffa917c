package rds

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/org/shipkit/internal/localaws/wire"
)

// mustBe refuses an operation on a cluster in another state.
func (c *cluster) mustBe(want string) error {
	if status := aws.ToString(c.Status); status != want {
		return wire.Errorf("InvalidDBClusterStateFault", 400, "DBCluster %s is in state %s, not %s.",
			*c.DBClusterIdentifier, status, want)
	}
	return nil
}

// ModifyDBCluster changes an available cluster; everything applies at once.
func (s *Service) ModifyDBCluster(ctx context.Context, in *rds.ModifyDBClusterInput) (*rds.ModifyDBClusterOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.here(ctx)
	c, err := st.cluster(in.DBClusterIdentifier)
	if err != nil {
		return nil, err
	}
	if err := c.mustBe(available); err != nil {
		return nil, err
	}
	change := *in
	change.DBClusterIdentifier = nil
	if in.EngineVersion != nil {
		version, err := findVersion(c.Engine, in.EngineVersion)
		if err != nil {
			return nil, err
		}
		change.EngineVersion = &version
	}
	if in.DBClusterParameterGroupName != nil {
		if c.DBClusterParameterGroup, err = st.clusterParameters(in.DBClusterParameterGroupName, c.Engine,
			c.EngineVersion); err != nil {
			return nil, err
		}
	}
	user := aws.ToString(c.MasterUsername)
	err = s.changePassword(ctx, &c.database, "cluster", user, in.MasterUserPassword, in.ManageMasterUserPassword,
		&c.MasterUserSecret)
	if err != nil {
		return nil, err
	}
	change.Port = nil // a server's port stays
	overlay(&c.DBCluster, &change)
	if in.VpcSecurityGroupIds != nil {
		c.VpcSecurityGroups = securityGroups(in.VpcSecurityGroupIds)
	}
	if in.ServerlessV2ScalingConfiguration != nil {
		c.ServerlessV2ScalingConfiguration = scaling(in.ServerlessV2ScalingConfiguration)
	}
	if in.EnableIAMDatabaseAuthentication != nil {
		c.IAMDatabaseAuthenticationEnabled = in.EnableIAMDatabaseAuthentication
	}
	return &rds.ModifyDBClusterOutput{DBCluster: new(c.DBCluster)}, nil
}

// StopDBCluster stops a cluster and its members for seven days at most.
func (s *Service) StopDBCluster(ctx context.Context, in *rds.StopDBClusterInput) (*rds.StopDBClusterOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.here(ctx)
	c, err := st.cluster(in.DBClusterIdentifier)
	if err != nil {
		return nil, err
	}
	if err := c.mustBe(available); err != nil {
		return nil, err
	}
	s.moveCluster(st, c, stopping, available)
	s.background(ctx, func(ctx context.Context) {
		if !s.wait(ctx, s.options.Timing.Stop) || c.stop() != nil {
			return
		}
		s.mu.Lock()
		if s.moveCluster(st, c, stopped, stopping) {
			c.AutomaticRestartTime = new(s.clock.Now().Add(restartAfter))
		}
		s.mu.Unlock()
		if s.wait(ctx, restartAfter) && s.clusterRestartDue(st, c) {
			s.startCluster(ctx, st, c)
		}
	})
	return &rds.StopDBClusterOutput{DBCluster: new(c.DBCluster)}, nil
}

// StartDBCluster starts a stopped cluster and its members.
func (s *Service) StartDBCluster(ctx context.Context, in *rds.StartDBClusterInput) (*rds.StartDBClusterOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.here(ctx)
	c, err := st.cluster(in.DBClusterIdentifier)
	if err != nil {
		return nil, err
	}
	if err := c.mustBe(stopped); err != nil {
		return nil, err
	}
	s.moveCluster(st, c, starting, stopped)
	c.AutomaticRestartTime = nil
	s.background(ctx, func(ctx context.Context) { s.startCluster(ctx, st, c) })
	return &rds.StartDBClusterOutput{DBCluster: new(c.DBCluster)}, nil
}

func (s *Service) clusterRestartDue(st *state, c *cluster) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.AutomaticRestartTime == nil || s.clock.Now().Before(*c.AutomaticRestartTime) {
		return false
	}
	c.AutomaticRestartTime = nil
	return s.moveCluster(st, c, starting, stopped)
}

// startCluster takes a cluster from starting to available.
func (s *Service) startCluster(ctx context.Context, st *state, c *cluster) {
	if !s.wait(ctx, s.options.Timing.Start) {
		return
	}
	err := c.start(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		return // it stays in starting; the next start of the program says why
	}
	c.Port = c.port(*c.Port)
	for _, i := range st.members(*c.DBClusterIdentifier) {
		if i.Endpoint != nil {
			i.Endpoint = &types.Endpoint{Address: c.Endpoint, Port: c.Port, HostedZoneId: new("ZLOCAL")}
		}
	}
	s.moveCluster(st, c, available, starting)
}

// moveCluster changes the state of a cluster and its members. The lock is
// held.
func (s *Service) moveCluster(st *state, c *cluster, to, from string) bool {
	if !c.move(to, from) {
		return false
	}
	for _, i := range st.members(*c.DBClusterIdentifier) {
		s.moveInstance(i, to, from)
	}
	return true
}

// DeleteDBCluster deletes a cluster without members, after its final snapshot
// if one is wanted. If that fails the cluster stays.
func (s *Service) DeleteDBCluster(ctx context.Context, in *rds.DeleteDBClusterInput) (*rds.DeleteDBClusterOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.here(ctx)
	c, err := st.cluster(in.DBClusterIdentifier)
	if err != nil {
		return nil, err
	}
	if err := st.checkDeleteCluster(c, in); err != nil {
		return nil, err
	}
	var final *snapshot
	if in.FinalDBSnapshotIdentifier != nil {
		if final, err = s.addClusterSnapshot(ctx, st, c, in.FinalDBSnapshotIdentifier, nil); err != nil {
			return nil, err
		}
	}
	c.Status = new(deleting)
	s.background(ctx, func(ctx context.Context) {
		if final != nil && !s.settled(ctx, final) {
			s.mu.Lock()
			defer s.mu.Unlock()
			c.move(available, deleting)
			return
		}
		for s.wait(ctx, s.options.Timing.Delete) {
			if s.dropCluster(ctx, st, c) {
				return
			}
		}
	})
	return &rds.DeleteDBClusterOutput{DBCluster: new(c.DBCluster)}, nil
}

func (st *state) checkDeleteCluster(c *cluster, in *rds.DeleteDBClusterInput) error {
	switch status := aws.ToString(c.Status); {
	case status == deleting:
		return wire.Errorf("InvalidDBClusterStateFault", 400, "DBCluster %s is already being deleted.",
			*c.DBClusterIdentifier)
	case aws.ToBool(c.DeletionProtection):
		return combination("Cannot delete protected Cluster, please disable deletion protection and try again.")
	}
	for _, i := range st.members(*c.DBClusterIdentifier) {
		if aws.ToString(i.DBInstanceStatus) != deleting {
			return wire.Errorf("InvalidDBClusterStateFault", 400,
				"Cluster cannot be deleted, it still contains DB instances in non-deleting state.")
		}
	}
	return checkFinal(in.SkipFinalSnapshot, in.FinalDBSnapshotIdentifier, "FinalDBSnapshotIdentifier")
}

// dropCluster removes a cluster's data and record; false means that members
// are still being deleted.
func (s *Service) dropCluster(ctx context.Context, st *state, c *cluster) bool {
	s.mu.Lock()
	busy := len(st.members(*c.DBClusterIdentifier)) > 0
	data := c.database
	s.mu.Unlock()
	if busy {
		return false
	}
	_ = data.remove() // what is left goes with the folder
	s.forgetPassword(ctx, data)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(st.Clusters, *c.DBClusterIdentifier)
	return true
}

// DescribeDBClusters lists clusters, one page a call.
func (s *Service) DescribeDBClusters(ctx context.Context,
	in *rds.DescribeDBClustersInput) (*rds.DescribeDBClustersOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.here(ctx)
	if in.DBClusterIdentifier != nil {
		c, err := st.cluster(in.DBClusterIdentifier)
		if err != nil {
			return nil, err
		}
		return &rds.DescribeDBClustersOutput{DBClusters: []types.DBCluster{c.DBCluster}}, nil
	}
	var all []types.DBCluster
	for _, c := range inOrder(st.Clusters) {
		if matches(in.Filters, map[string]*string{"db-cluster-id": c.DBClusterIdentifier, "engine": c.Engine}) {
			all = append(all, c.DBCluster)
		}
	}
	page, marker, err := paginate(all, in.Marker, in.MaxRecords)
	return &rds.DescribeDBClustersOutput{DBClusters: page, Marker: marker}, err
}
