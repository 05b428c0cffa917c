package rds

import (
	"context"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/org/shipkit/internal/localaws/wire"
)

// DescribeDBSnapshots lists snapshots of instances, one page a call.
func (s *Service) DescribeDBSnapshots(ctx context.Context,
	in *rds.DescribeDBSnapshotsInput) (*rds.DescribeDBSnapshotsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, err := s.listSnapshots(s.here(ctx), instanceKind, in.DBSnapshotIdentifier, in.DBInstanceIdentifier,
		in.SnapshotType, in.IncludeShared)
	if err != nil {
		return nil, err
	}
	var all []types.DBSnapshot
	for _, p := range found {
		d := p.instance()
		match := matches(in.Filters, map[string]*string{
			"db-instance-id": d.DBInstanceIdentifier, "db-snapshot-id": d.DBSnapshotIdentifier,
			"dbi-resource-id": d.DbiResourceId, "snapshot-type": d.SnapshotType, "engine": d.Engine,
		})
		if match {
			all = append(all, d)
		}
	}
	page, marker, err := paginate(all, in.Marker, in.MaxRecords)
	return &rds.DescribeDBSnapshotsOutput{DBSnapshots: page, Marker: marker}, err
}

// DescribeDBClusterSnapshots lists snapshots of clusters, one page a call.
func (s *Service) DescribeDBClusterSnapshots(
	ctx context.Context, in *rds.DescribeDBClusterSnapshotsInput,
) (*rds.DescribeDBClusterSnapshotsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, err := s.listSnapshots(s.here(ctx), clusterKind, in.DBClusterSnapshotIdentifier, in.DBClusterIdentifier,
		in.SnapshotType, in.IncludeShared)
	if err != nil {
		return nil, err
	}
	var all []types.DBClusterSnapshot
	for _, p := range found {
		d := p.cluster()
		match := matches(in.Filters, map[string]*string{
			"db-cluster-id": d.DBClusterIdentifier, "db-cluster-snapshot-id": d.DBClusterSnapshotIdentifier,
			"snapshot-type": d.SnapshotType, "engine": d.Engine,
		})
		if match {
			all = append(all, d)
		}
	}
	page, marker, err := paginate(all, in.Marker, in.MaxRecords)
	return &rds.DescribeDBClusterSnapshotsOutput{DBClusterSnapshots: page, Marker: marker}, err
}

// listSnapshots finds snapshots by identifier, source and type: manual,
// automated, shared, public. The lock is held.
func (s *Service) listSnapshots(st *state, k *kind, id, source, typ *string, includeShared *bool) ([]*snapshot, error) {
	if id != nil {
		p, err := s.visible(st, k, id, false)
		if err != nil {
			return nil, err
		}
		return []*snapshot{p.seenBy(st)}, nil
	}
	want := aws.ToString(typ)
	var found []*snapshot
	if want == "" || want == "manual" || want == "automated" {
		for _, p := range inOrder(k.snapshots(st)) {
			if want == "" || p.Type == want {
				found = append(found, p)
			}
		}
	}
	if want == "shared" || want == "public" || aws.ToBool(includeShared) {
		found = append(found, s.foreign(st, k, want)...)
	}
	if source == nil {
		return found, nil
	}
	var of []*snapshot
	for _, p := range found {
		if strings.EqualFold(p.SourceID, key(source)) {
			of = append(of, p)
		}
	}
	return of, nil
}

// foreign returns what other accounts share with this one.
func (s *Service) foreign(st *state, k *kind, want string) (found []*snapshot) {
	for p, other := range s.places {
		if p.Account == st.Account || p.Region != st.Region {
			continue
		}
		for _, candidate := range inOrder(k.snapshots(other)) {
			account := st.Account
			if want == "public" {
				account = allAccounts
			}
			if candidate.sharedWith(account, p.Account) {
				found = append(found, candidate.seenBy(st))
			}
		}
	}
	return found
}

// DeleteDBSnapshot deletes a manual snapshot.
func (s *Service) DeleteDBSnapshot(ctx context.Context, in *rds.DeleteDBSnapshotInput) (*rds.DeleteDBSnapshotOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.deleteSnapshot(s.here(ctx), instanceKind, in.DBSnapshotIdentifier)
	if err != nil {
		return nil, err
	}
	return &rds.DeleteDBSnapshotOutput{DBSnapshot: new(p.instance())}, nil
}

// DeleteDBClusterSnapshot deletes a cluster's manual snapshot.
func (s *Service) DeleteDBClusterSnapshot(
	ctx context.Context, in *rds.DeleteDBClusterSnapshotInput,
) (*rds.DeleteDBClusterSnapshotOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.deleteSnapshot(s.here(ctx), clusterKind, in.DBClusterSnapshotIdentifier)
	if err != nil {
		return nil, err
	}
	return &rds.DeleteDBClusterSnapshotOutput{DBClusterSnapshot: new(p.cluster())}, nil
}

func (s *Service) deleteSnapshot(st *state, k *kind, id *string) (*snapshot, error) {
	p, err := k.own(st, id)
	if err != nil {
		return nil, err
	}
	if p.Status != available && p.Status != failed {
		return nil, wire.Errorf(k.badState, 400,
			"Snapshot %s is in state %s: only an available snapshot can be deleted.", p.ID, p.Status)
	}
	if strike(&s.faults.deletions, p.ID) {
		p.Status = deleting
		return p, nil
	}
	p.Status = "deleted"
	delete(k.snapshots(st), p.ID)
	if p.Archive != "" {
		_ = os.Remove(p.Archive) // what is left goes with the folder
	}
	return p, nil
}
