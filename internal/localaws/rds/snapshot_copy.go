package rds

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/org/shipkit/internal/localaws/wire"
)

// CopyDBSnapshot copies a snapshot of this account or one shared with it,
// also from another region, and encrypts it with another key if told so.
func (s *Service) CopyDBSnapshot(ctx context.Context, in *rds.CopyDBSnapshotInput) (*rds.CopyDBSnapshotOutput, error) {
	p, err := s.copySnapshot(ctx, instanceKind, in.SourceDBSnapshotIdentifier, "TargetDBSnapshotIdentifier",
		in.TargetDBSnapshotIdentifier, in.KmsKeyId, in.CopyTags, in.Tags)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return &rds.CopyDBSnapshotOutput{DBSnapshot: new(p.instance())}, nil
}

// CopyDBClusterSnapshot is CopyDBSnapshot for a cluster's snapshot.
func (s *Service) CopyDBClusterSnapshot(
	ctx context.Context, in *rds.CopyDBClusterSnapshotInput,
) (*rds.CopyDBClusterSnapshotOutput, error) {
	p, err := s.copySnapshot(ctx, clusterKind, in.SourceDBClusterSnapshotIdentifier, "TargetDBClusterSnapshotIdentifier",
		in.TargetDBClusterSnapshotIdentifier, in.KmsKeyId, in.CopyTags, in.Tags)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return &rds.CopyDBClusterSnapshotOutput{DBClusterSnapshot: new(p.cluster())}, nil
}

func (s *Service) copySnapshot(
	ctx context.Context, k *kind, source *string, parameter string, target, kmsKey *string, copyTags *bool, tags []types.Tag,
) (*snapshot, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.here(ctx)
	from, err := s.visible(st, k, source, true)
	if err != nil {
		return nil, err
	}
	if from.Status != available {
		return nil, wire.Errorf(k.badState, 400, "Snapshot %s is in state %s, not available.", from.ID, from.Status)
	}
	encryption, err := s.copyKey(ctx, st, from, kmsKey)
	if err != nil {
		return nil, err
	}
	if aws.ToBool(copyTags) {
		tags = mergeTags(from.seenBy(st).Tags, tags)
	}
	p := &snapshot{
		SourceID: from.SourceID, SourceARN: from.ARN, Status: copying, KMSKey: encryption, Tags: tags, Origin: from.Origin,
	}
	if err := s.add(st, k, parameter, target, p); err != nil {
		return nil, err
	}
	data, err := s.link(from.Archive)
	s.background(ctx, func(ctx context.Context) {
		s.fill(ctx, p, func() (string, error) { return data, err })
	})
	return p, nil
}

// copyKey decides a copy's key. Another account's snapshot, and one of another
// region, must be encrypted anew with a key of this account and region, and the
// account must be allowed to use the old key
// (https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_CopySnapshot.html).
// A cluster's snapshot that is not encrypted stays so
// (https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CopyDBClusterSnapshot.html).
func (s *Service) copyKey(ctx context.Context, st *state, from *snapshot, kmsKey *string) (*string, error) {
	switch {
	case from.KMSKey == nil && kmsKey == nil:
		return nil, nil
	case from.KMSKey == nil && from.kind == clusterKind:
		return nil, combination("KmsKeyId cannot be specified for the copy of an unencrypted DB cluster snapshot.")
	case from.KMSKey == nil:
		return s.use(ctx, *kmsKey)
	}
	origin, err := arn.Parse(from.ARN)
	if err != nil {
		return nil, invalid("The snapshot has no valid ARN: %s", from.ARN)
	}
	if kmsKey == nil && origin.Region != st.Region {
		return nil, invalid("Must specify new KMS key for cross region encrypted snapshot copy.")
	}
	if kmsKey == nil {
		kmsKey = from.KMSKey // which another account's snapshot does not allow
		if origin.AccountID != st.Account {
			return nil, wire.Errorf("KMSKeyNotAccessibleFault", 400,
				"Specified KMS key [%s] does not exist, is not enabled or you do not have permissions to access it.", *kmsKey)
		}
	}
	old := wire.Caller(ctx)
	old.Region = origin.Region
	if _, err := s.options.Keys.Use(old, *from.KMSKey); err != nil {
		return nil, wire.Errorf("KMSKeyNotAccessibleFault", 400,
			"The source snapshot KMS key [%s] does not exist, is not enabled or you do not have permissions to access it.", *from.KMSKey)
	}
	return s.use(ctx, *kmsKey)
}
