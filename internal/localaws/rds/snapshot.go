package rds

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/org/shipkit/internal/localaws/wire"
)

// snapshot is a snapshot of an instance or of a cluster; the two differ in
// names and error codes only.
type snapshot struct {
	kind *kind
	// Kind is kind's name, for a saved state.
	Kind      string
	ID, ARN   string
	SourceID  string // the instance or cluster
	SourceARN string // the snapshot that this is a copy of
	Status    string
	Type      string // manual or automated
	Percent   int32
	Created   time.Time
	KMSKey    *string
	Tags      []types.Tag
	Shared    []string // accounts, or "all"
	Archive   string   // file with the data; empty without data
	Origin    origin
}

// origin is what a restore needs to know about the database.
type origin struct {
	Engine, EngineVersion, MasterUsername, DBName, StorageType, LicenseModel *string
	ResourceID, Password                                                     string
	AllocatedStorage                                                         *int32
	Port                                                                     int32
	CreateTime                                                               *time.Time
}

// kind holds the names that tell snapshots of instances from those of
// clusters.
type kind struct {
	name, parameter            string
	missing, exists, badState  string
	limit                      int
	quota                      string
	snapshots                  func(*state) map[string]*snapshot
	cannotRestoreWhenShared    bool
	sourceParameter, noneFound string
}

var instanceKind = &kind{
	name: "snapshot", parameter: "DBSnapshotIdentifier", sourceParameter: "SourceDBSnapshotIdentifier",
	missing: "DBSnapshotNotFound", exists: "DBSnapshotAlreadyExists", badState: "InvalidDBSnapshotState",
	limit: 255, quota: "ManualSnapshots", noneFound: "DBSnapshot not found: %s",
	snapshots:               func(st *state) map[string]*snapshot { return st.Snapshots },
	cannotRestoreWhenShared: true,
}

var clusterKind = &kind{
	name: "cluster-snapshot", parameter: "DBClusterSnapshotIdentifier", sourceParameter: "SourceDBClusterSnapshotIdentifier",
	missing: "DBClusterSnapshotNotFoundFault", exists: "DBClusterSnapshotAlreadyExistsFault",
	badState: "InvalidDBClusterSnapshotStateFault",
	limit:    63, quota: "ManualClusterSnapshots", noneFound: "DBClusterSnapshot not found: %s",
	snapshots: func(st *state) map[string]*snapshot { return st.ClusterSnapshots },
}

// own returns a snapshot of this place.
func (k *kind) own(st *state, id *string) (*snapshot, error) {
	if p := k.snapshots(st)[key(id)]; p != nil {
		return p, nil
	}
	return nil, wire.Errorf(k.missing, 404, k.noneFound, aws.ToString(id))
}

// visible returns a snapshot of this place, or, by ARN, one that another
// account shares with the caller's. A copy may name another region.
func (s *Service) visible(st *state, k *kind, id *string, otherRegions bool) (*snapshot, error) {
	parsed, err := arn.Parse(aws.ToString(id))
	if err != nil || parsed.AccountID == st.Account && parsed.Region == st.Region {
		return k.own(st, id)
	}
	if parsed.Region != st.Region && !otherRegions {
		return nil, invalid("%s is in region %s: copy it to %s first.", *id, parsed.Region, st.Region)
	}
	p := k.snapshots(s.at(place{parsed.AccountID, parsed.Region}))[key(id)]
	if p == nil || !p.sharedWith(st.Account, parsed.AccountID) {
		return nil, wire.Errorf(k.missing, 404, k.noneFound, *id)
	}
	return p, nil
}

// seenBy returns the snapshot as a place's account sees it: another account's
// is named by its ARN, and its tags, which are the owner's, do not show.
func (p *snapshot) seenBy(st *state) *snapshot {
	if !st.foreign(p) {
		return p
	}
	seen := *p
	seen.ID, seen.Type, seen.Tags = p.ARN, "shared", nil
	if slices.Contains(p.Shared, allAccounts) {
		seen.Type = "public"
	}
	return &seen
}

func (p *snapshot) sharedWith(account, owner string) bool {
	return account == owner || slices.Contains(p.Shared, account) || slices.Contains(p.Shared, allAccounts)
}

// add files a new snapshot. The lock is held.
func (s *Service) add(st *state, k *kind, parameter string, id *string, p *snapshot) error {
	name, err := newID(parameter, id, k.limit)
	if err != nil {
		return err
	}
	if k.snapshots(st)[name] != nil {
		return wire.Errorf(k.exists, 400, "Cannot create the snapshot because a snapshot with the identifier %s already exists.", name)
	}
	if k.manual(st) >= s.options.SnapshotQuota {
		return wire.Errorf("SnapshotQuotaExceeded", 400, "Cannot create more than %d manual snapshots",
			s.options.SnapshotQuota)
	}
	p.kind, p.Kind, p.ID, p.ARN, p.Type = k, k.name, name, st.arn(k.name, name), "manual"
	p.Created = s.clock.Now()
	k.snapshots(st)[name] = p
	return nil
}

// manual counts the snapshots that the quota is about.
func (k *kind) manual(st *state) (n int) {
	for _, p := range k.snapshots(st) {
		if p.Type == "manual" {
			n++
		}
	}
	return n
}

// fill makes a snapshot's data with take and shows progress until it is
// available, or failed.
func (s *Service) fill(ctx context.Context, p *snapshot, take func() (string, error)) {
	archive, err := take()
	s.mu.Lock()
	p.Archive = archive
	fail := strike(&s.faults.snapshots, p.ID) || err != nil
	s.mu.Unlock()
	const steps = 10
	for step := range steps {
		if !s.wait(ctx, s.options.Timing.Snapshot/steps) {
			return
		}
		s.mu.Lock()
		p.Percent = int32(100 * (step + 1) / steps)
		stop := fail && step == steps/2
		s.mu.Unlock()
		if stop {
			break
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if fail {
		p.Status = failed
		return
	}
	if p.Status == creating || p.Status == copying {
		p.Status = available
	}
}

// settled waits until a snapshot is complete; false means that it failed or
// that the service closes.
func (s *Service) settled(ctx context.Context, p *snapshot) bool {
	for s.wait(ctx, time.Second) {
		s.mu.Lock()
		status := p.Status
		s.mu.Unlock()
		if status != creating && status != copying {
			return status == available
		}
	}
	return false
}

// instance describes p as a snapshot of an instance.
func (p *snapshot) instance() types.DBSnapshot {
	o := p.Origin
	return types.DBSnapshot{
		DBSnapshotIdentifier: &p.ID, DBSnapshotArn: new(p.ARN), DBInstanceIdentifier: new(p.SourceID),
		DbiResourceId: new(o.ResourceID), Engine: o.Engine, EngineVersion: o.EngineVersion, MasterUsername: o.MasterUsername,
		AllocatedStorage: o.AllocatedStorage, StorageType: o.StorageType, LicenseModel: o.LicenseModel, Port: new(o.Port),
		InstanceCreateTime: o.CreateTime, Encrypted: new(p.KMSKey != nil), KmsKeyId: p.KMSKey,
		Status: new(p.Status), PercentProgress: new(p.Percent), SnapshotType: new(p.Type),
		SnapshotCreateTime: new(p.Created), OriginalSnapshotCreateTime: new(p.Created), SnapshotDatabaseTime: new(p.Created),
		SourceDBSnapshotIdentifier: optional(p.SourceARN), SourceRegion: p.sourceRegion(),
		SnapshotTarget: new("region"), TagList: p.Tags, VpcId: new(localVPC),
	}
}

// cluster describes p as a snapshot of a cluster.
func (p *snapshot) cluster() types.DBClusterSnapshot {
	o := p.Origin
	return types.DBClusterSnapshot{
		DBClusterSnapshotIdentifier: &p.ID, DBClusterSnapshotArn: new(p.ARN), DBClusterIdentifier: new(p.SourceID),
		DbClusterResourceId: new(o.ResourceID), Engine: o.Engine, EngineVersion: o.EngineVersion,
		EngineMode:     new("provisioned"),
		MasterUsername: o.MasterUsername, AllocatedStorage: o.AllocatedStorage, StorageType: o.StorageType,
		LicenseModel: o.LicenseModel, Port: new(o.Port), ClusterCreateTime: o.CreateTime,
		StorageEncrypted: new(p.KMSKey != nil), KmsKeyId: p.KMSKey,
		Status: new(p.Status), PercentProgress: new(p.Percent), SnapshotType: new(p.Type),
		SnapshotCreateTime:         new(p.Created),
		SourceDBClusterSnapshotArn: optional(p.SourceARN), TagList: p.Tags, VpcId: new(localVPC),
	}
}

func (p *snapshot) sourceRegion() *string {
	from, err := arn.Parse(p.SourceARN)
	if err != nil || strings.Contains(p.ARN, ":"+from.Region+":") {
		return nil
	}
	return &from.Region
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
