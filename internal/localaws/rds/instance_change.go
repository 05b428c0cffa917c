package rds

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/org/shipkit/internal/localaws/wire"
)

// ModifyDBInstance changes an available instance. Class, storage, version and
// Multi-AZ wait for ApplyImmediately; without it they stay pending, because
// local time has no maintenance windows. The rest applies at once.
func (s *Service) ModifyDBInstance(ctx context.Context, in *rds.ModifyDBInstanceInput) (*rds.ModifyDBInstanceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.here(ctx)
	i, err := st.instance(in.DBInstanceIdentifier)
	if err != nil {
		return nil, err
	}
	if err := i.mustBe("modify", available); err != nil {
		return nil, err
	}
	if err := s.applyInstance(ctx, st, i, in); err != nil {
		return nil, err
	}
	slow := types.PendingModifiedValues{
		AllocatedStorage: in.AllocatedStorage, DBInstanceClass: in.DBInstanceClass,
		EngineVersion: in.EngineVersion, MultiAZ: in.MultiAZ,
	}
	if in.AllocatedStorage == nil && in.DBInstanceClass == nil && in.EngineVersion == nil && in.MultiAZ == nil {
		return &rds.ModifyDBInstanceOutput{DBInstance: new(i.DBInstance)}, nil
	}
	i.PendingModifiedValues = &slow
	if aws.ToBool(in.ApplyImmediately) {
		s.setInstance(i, modifying)
		s.background(ctx, func(ctx context.Context) {
			if !s.wait(ctx, s.options.Timing.Modify) {
				return
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			overlay(&i.DBInstance, i.PendingModifiedValues)
			i.PendingModifiedValues = nil
			s.moveInstance(i, available, modifying)
		})
	}
	return &rds.ModifyDBInstanceOutput{DBInstance: new(i.DBInstance)}, nil
}

// applyInstance changes what needs no transition. The lock is held.
func (s *Service) applyInstance(ctx context.Context, st *state, i *instance, in *rds.ModifyDBInstanceInput) error {
	if in.EngineVersion != nil {
		version, err := findVersion(i.Engine, in.EngineVersion)
		if err != nil {
			return err
		}
		in.EngineVersion = &version
	}
	if in.DBParameterGroupName != nil {
		groups, err := st.instanceParameters(in.DBParameterGroupName, i.Engine, i.EngineVersion)
		if err != nil {
			return err
		}
		i.DBParameterGroups = groups
	}
	user := aws.ToString(i.MasterUsername)
	if err := s.changePassword(ctx, &i.database, "db", user, in.MasterUserPassword, in.ManageMasterUserPassword,
		&i.MasterUserSecret); err != nil {
		return err
	}
	fast := *in
	fast.DBInstanceIdentifier, fast.AllocatedStorage, fast.DBInstanceClass, fast.EngineVersion, fast.MultiAZ = nil,
		nil, nil, nil, nil
	fast.Engine = nil
	overlay(&i.DBInstance, &fast)
	if in.VpcSecurityGroupIds != nil {
		i.VpcSecurityGroups = securityGroups(in.VpcSecurityGroupIds)
	}
	if in.EnableIAMDatabaseAuthentication != nil {
		i.IAMDatabaseAuthenticationEnabled = in.EnableIAMDatabaseAuthentication
	}
	if in.NewDBInstanceIdentifier == nil {
		return nil
	}
	return st.renameInstance(i, in.NewDBInstanceIdentifier)
}

func (st *state) renameInstance(i *instance, name *string) error {
	id, err := newID("NewDBInstanceIdentifier", name, 63)
	if err != nil {
		return err
	}
	if st.Instances[id] != nil {
		return wire.Errorf("DBInstanceAlreadyExists", 400, "DB instance already exists")
	}
	delete(st.Instances, *i.DBInstanceIdentifier)
	i.DBInstanceIdentifier, i.DBInstanceArn = &id, new(st.arn("db", id))
	st.Instances[id] = i
	return nil
}

// mustBe refuses an operation on an instance in another state.
func (i *instance) mustBe(verb string, states ...string) error {
	for _, status := range states {
		if aws.ToString(i.DBInstanceStatus) == status {
			return nil
		}
	}
	return wire.Errorf("InvalidDBInstanceState", 400, "Cannot %s instance %s: it is in state %s, not %s.",
		verb, aws.ToString(i.DBInstanceIdentifier), aws.ToString(i.DBInstanceStatus), states[0])
}

// StopDBInstance stops an instance for seven days at most; then RDS starts it
// again by itself
// (https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_StopInstance.html).
func (s *Service) StopDBInstance(ctx context.Context, in *rds.StopDBInstanceInput) (*rds.StopDBInstanceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.here(ctx)
	i, err := st.instance(in.DBInstanceIdentifier)
	if err != nil {
		return nil, err
	}
	if i.DBClusterIdentifier != nil {
		return nil, invalid("Cannot stop or start db instances in an Aurora cluster: use StopDBCluster.")
	}
	if err := i.mustBe("stop", available); err != nil {
		return nil, err
	}
	if in.DBSnapshotIdentifier != nil {
		if _, err := s.addInstanceSnapshot(ctx, st, i, in.DBSnapshotIdentifier, nil); err != nil {
			return nil, err
		}
	}
	s.setInstance(i, stopping)
	s.background(ctx, func(ctx context.Context) {
		if !s.wait(ctx, s.options.Timing.Stop) || i.stop() != nil {
			return
		}
		s.mu.Lock()
		if s.moveInstance(i, stopped, stopping) {
			i.AutomaticRestartTime = new(s.clock.Now().Add(restartAfter))
		}
		s.mu.Unlock()
		if s.wait(ctx, restartAfter) && s.restartDue(i) {
			s.startInstance(ctx, i)
		}
	})
	return &rds.StopDBInstanceOutput{DBInstance: new(i.DBInstance)}, nil
}

// restartAfter is how long a database may stay stopped.
const restartAfter = 7 * 24 * time.Hour

// StartDBInstance starts a stopped instance.
func (s *Service) StartDBInstance(ctx context.Context, in *rds.StartDBInstanceInput) (*rds.StartDBInstanceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, err := s.here(ctx).instance(in.DBInstanceIdentifier)
	if err != nil {
		return nil, err
	}
	if i.DBClusterIdentifier != nil {
		return nil, invalid("Cannot stop or start db instances in an Aurora cluster: use StartDBCluster.")
	}
	if err := i.mustBe("start", stopped); err != nil {
		return nil, err
	}
	s.setInstance(i, starting)
	i.AutomaticRestartTime = nil
	s.background(ctx, func(ctx context.Context) { s.startInstance(ctx, i) })
	return &rds.StartDBInstanceOutput{DBInstance: new(i.DBInstance)}, nil
}

// restartDue moves an instance to starting if its time to rest is over: it
// may have been started and stopped since.
func (s *Service) restartDue(i *instance) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i.AutomaticRestartTime == nil || s.clock.Now().Before(*i.AutomaticRestartTime) {
		return false
	}
	i.AutomaticRestartTime = nil
	return s.moveInstance(i, starting, stopped)
}

// startInstance takes an instance from starting to available.
func (s *Service) startInstance(ctx context.Context, i *instance) {
	if !s.wait(ctx, s.options.Timing.Start) {
		return
	}
	err := i.start(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.moveInstance(i, badNetwork, starting)
		return
	}
	if i.Endpoint != nil {
		endpoint := *i.Endpoint
		endpoint.Port = i.port(portOf(i.Engine))
		i.Endpoint = &endpoint
	}
	s.moveInstance(i, available, starting)
}

// DescribeDBInstances lists instances, one page a call.
func (s *Service) DescribeDBInstances(ctx context.Context,
	in *rds.DescribeDBInstancesInput) (*rds.DescribeDBInstancesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.here(ctx)
	if in.DBInstanceIdentifier != nil {
		i, err := st.instance(in.DBInstanceIdentifier)
		if err != nil {
			return nil, err
		}
		return &rds.DescribeDBInstancesOutput{DBInstances: []types.DBInstance{i.DBInstance}}, nil
	}
	var all []types.DBInstance
	for _, i := range inOrder(st.Instances) {
		match := matches(in.Filters, map[string]*string{
			"db-instance-id": i.DBInstanceIdentifier, "db-cluster-id": i.DBClusterIdentifier,
			"dbi-resource-id": i.DbiResourceId, "engine": i.Engine,
		})
		if match {
			all = append(all, i.DBInstance)
		}
	}
	page, marker, err := paginate(all, in.Marker, in.MaxRecords)
	return &rds.DescribeDBInstancesOutput{DBInstances: page, Marker: marker}, err
}
