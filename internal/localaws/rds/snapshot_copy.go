package rds

import (
	"context"
	"strings"

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
	encryption, err := st.copyKey(from, kmsKey)
	if err != nil {
		return nil, err
	}
	if aws.ToBool(copyTags) {
		tags = mergeTags(from.Tags, tags)
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
// region, must be encrypted anew with a key of this account and region
// (https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_CopySnapshot.html).
func (st *state) copyKey(from *snapshot, kmsKey *string) (*string, error) {
	if kmsKey != nil {
		return st.encryption(nil, kmsKey), nil
	}
	if from.KMSKey == nil {
		return nil, nil
	}
	origin, err := arn.Parse(from.ARN)
	if err != nil {
		return nil, invalid("The snapshot has no valid ARN: %s", from.ARN)
	}
	if origin.Region != st.Region {
		return nil, invalid("Must specify new KMS key for cross region encrypted snapshot copy.")
	}
	if origin.AccountID != st.Account {
		return nil, wire.Errorf("KMSKeyNotAccessibleFault", 400,
			"Specified KMS key [%s] does not exist, is not enabled or you do not have permissions to access it.",
			*from.KMSKey)
	}
	return from.KMSKey, nil
}

// shareable tells whether other accounts can be given a snapshot: those under
// the key that AWS manages cannot.
func (p *snapshot) shareable() bool {
	return p.KMSKey == nil || !strings.HasSuffix(*p.KMSKey, ":alias/aws/rds")
}
