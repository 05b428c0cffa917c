package rds

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"

	"github.com/org/shipkit/internal/localaws/wire"
)

// DeleteDBInstance deletes an instance after its final snapshot, if one is
// wanted. If the final snapshot fails the instance stays (AWS does not say
// what happens then).
func (s *Service) DeleteDBInstance(ctx context.Context, in *rds.DeleteDBInstanceInput) (*rds.DeleteDBInstanceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.here(ctx)
	i, err := st.instance(in.DBInstanceIdentifier)
	if err != nil {
		return nil, err
	}
	if err := st.checkDeleteInstance(i, in); err != nil {
		return nil, err
	}
	var final *snapshot
	if in.FinalDBSnapshotIdentifier != nil {
		if final, err = s.addInstanceSnapshot(ctx, st, i, in.FinalDBSnapshotIdentifier, nil); err != nil {
			return nil, err
		}
	}
	s.setInstance(i, deleting)
	s.background(ctx, func(ctx context.Context) {
		if final != nil && !s.settled(ctx, final) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.moveInstance(i, available, deleting)
			return
		}
		if !s.wait(ctx, s.options.Timing.Delete) {
			return
		}
		s.dropInstance(ctx, st, i)
	})
	return &rds.DeleteDBInstanceOutput{DBInstance: new(i.DBInstance)}, nil
}

func (st *state) checkDeleteInstance(i *instance, in *rds.DeleteDBInstanceInput) error {
	id := aws.ToString(i.DBInstanceIdentifier)
	if aws.ToString(i.DBInstanceStatus) == deleting {
		return wire.Errorf("InvalidDBInstanceState", 400, "Instance %s is already being deleted.", id)
	}
	if aws.ToBool(i.DeletionProtection) {
		return combination("Cannot delete protected DB Instance, please disable deletion protection and try again.")
	}
	if i.DBClusterIdentifier == nil {
		return checkFinal(in.SkipFinalSnapshot, in.FinalDBSnapshotIdentifier, "FinalDBSnapshotIdentifier")
	}
	if in.FinalDBSnapshotIdentifier != nil {
		return combination("FinalDBSnapshotIdentifier can not be specified when deleting a cluster member.")
	}
	if c := st.Clusters[*i.DBClusterIdentifier]; c != nil && aws.ToString(c.Status) == stopped {
		return wire.Errorf("InvalidDBClusterStateFault", 400,
			"DBCluster %s is in stopped state: start it before deleting %s.",
			*i.DBClusterIdentifier, id)
	}
	return nil
}

// checkFinal requires a decision about the final snapshot.
func checkFinal(skip *bool, final *string, parameter string) error {
	switch {
	case aws.ToBool(skip) && final != nil:
		return combination("%s can not be specified when SkipFinalSnapshot is specified.", parameter)
	case !aws.ToBool(skip) && final == nil:
		return combination("%s is required unless SkipFinalSnapshot is specified.", parameter)
	}
	return nil
}

// dropInstance removes an instance's data and record.
func (s *Service) dropInstance(ctx context.Context, st *state, i *instance) {
	s.mu.Lock()
	data := i.database
	s.mu.Unlock()
	_ = data.remove() // what is left goes with the folder
	s.forgetPassword(ctx, data)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(st.Instances, *i.DBInstanceIdentifier)
	if i.DBClusterIdentifier != nil {
		st.refreshMembers(*i.DBClusterIdentifier)
	}
}
