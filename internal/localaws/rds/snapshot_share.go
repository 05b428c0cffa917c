package rds

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/org/shipkit/internal/localaws/wire"
)

// sharedLimit is the number of accounts that a snapshot can be shared with
// (https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ShareSnapshot.html).
const sharedLimit = 20

// ModifyDBSnapshotAttribute changes who else may restore or copy a snapshot.
func (s *Service) ModifyDBSnapshotAttribute(
	ctx context.Context, in *rds.ModifyDBSnapshotAttributeInput,
) (*rds.ModifyDBSnapshotAttributeOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.reshare(s.here(ctx), instanceKind, in.DBSnapshotIdentifier, in.AttributeName, in.ValuesToAdd,
		in.ValuesToRemove)
	if err != nil {
		return nil, err
	}
	return &rds.ModifyDBSnapshotAttributeOutput{DBSnapshotAttributesResult: p.instanceAttributes()}, nil
}

// ModifyDBClusterSnapshotAttribute is the same for a cluster's snapshot.
func (s *Service) ModifyDBClusterSnapshotAttribute(
	ctx context.Context, in *rds.ModifyDBClusterSnapshotAttributeInput,
) (*rds.ModifyDBClusterSnapshotAttributeOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.reshare(s.here(ctx), clusterKind, in.DBClusterSnapshotIdentifier, in.AttributeName, in.ValuesToAdd,
		in.ValuesToRemove)
	if err != nil {
		return nil, err
	}
	return &rds.ModifyDBClusterSnapshotAttributeOutput{DBClusterSnapshotAttributesResult: p.clusterAttributes()}, nil
}

func (s *Service) reshare(st *state, k *kind, id, attribute *string, add, remove []string) (*snapshot, error) {
	p, err := k.own(st, id)
	if err != nil {
		return nil, err
	}
	switch {
	case aws.ToString(attribute) != "restore":
		return nil, invalid("Invalid snapshot attribute %q: restore is the only one.", aws.ToString(attribute))
	case p.Status != available:
		return nil, wire.Errorf(k.badState, 400, "Snapshot %s is in state %s, not available.", p.ID, p.Status)
	case len(add) > 0 && p.KMSKey != nil && s.options.Keys.Managed(*p.KMSKey):
		return nil, invalid("Snapshots encrypted with the default AWS KMS key can't be shared: %s", p.ID)
	case slices.Contains(add, allAccounts) && p.KMSKey != nil:
		return nil, invalid("An encrypted snapshot can't be made public: %s", p.ID)
	}
	shared := slices.DeleteFunc(slices.Clone(p.Shared), func(a string) bool { return slices.Contains(remove, a) })
	for _, account := range add {
		if !slices.Contains(shared, account) {
			shared = append(shared, account)
		}
	}
	if len(shared) > sharedLimit {
		return nil, wire.Errorf("SharedSnapshotQuotaExceeded", 400,
			"You have exceeded the maximum number of accounts (%d).", sharedLimit)
	}
	p.Shared = shared
	return p, nil
}

// DescribeDBSnapshotAttributes tells who else may restore or copy a snapshot.
func (s *Service) DescribeDBSnapshotAttributes(
	ctx context.Context, in *rds.DescribeDBSnapshotAttributesInput,
) (*rds.DescribeDBSnapshotAttributesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := instanceKind.own(s.here(ctx), in.DBSnapshotIdentifier)
	if err != nil {
		return nil, err
	}
	return &rds.DescribeDBSnapshotAttributesOutput{DBSnapshotAttributesResult: p.instanceAttributes()}, nil
}

// DescribeDBClusterSnapshotAttributes is the same for a cluster's snapshot.
func (s *Service) DescribeDBClusterSnapshotAttributes(
	ctx context.Context, in *rds.DescribeDBClusterSnapshotAttributesInput,
) (*rds.DescribeDBClusterSnapshotAttributesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := clusterKind.own(s.here(ctx), in.DBClusterSnapshotIdentifier)
	if err != nil {
		return nil, err
	}
	return &rds.DescribeDBClusterSnapshotAttributesOutput{DBClusterSnapshotAttributesResult: p.clusterAttributes()}, nil
}

func (p *snapshot) instanceAttributes() *types.DBSnapshotAttributesResult {
	return &types.DBSnapshotAttributesResult{
		DBSnapshotIdentifier: new(p.ID),
		DBSnapshotAttributes: []types.DBSnapshotAttribute{{AttributeName: new("restore"), AttributeValues: p.Shared}},
	}
}

func (p *snapshot) clusterAttributes() *types.DBClusterSnapshotAttributesResult {
	return &types.DBClusterSnapshotAttributesResult{
		DBClusterSnapshotIdentifier: new(p.ID),
		DBClusterSnapshotAttributes: []types.DBClusterSnapshotAttribute{{AttributeName: new("restore"),
			AttributeValues: p.Shared}},
	}
}
