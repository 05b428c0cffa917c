package rds

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
)

// The quotas of an account and region that AWS gives by default
// (https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Limits.html).
const (
	instanceQuota = 40
	clusterQuota  = 40
)

// offered lists the engine versions that can be created, oldest first. They
// are names: the server behind them is the one that is installed.
var offered = map[string][]string{
	"postgres":          {"13.20", "14.17", "15.12", "16.8", "17.4"},
	"aurora-postgresql": {"13.20", "14.17", "15.12", "16.8"},
	"mysql":             {"8.0.41", "8.4.4"},
	"mariadb":           {"10.11.11", "11.4.5"},
	"aurora-mysql":      {"8.0.mysql_aurora.3.08.2"},
}

// findVersion returns the full version for an engine and a version or a
// prefix of one; without a version the engine's newest.
func findVersion(engine, version *string) (string, error) {
	versions := offered[aws.ToString(engine)]
	if versions == nil {
		return "", invalid("Invalid DB engine: %q", aws.ToString(engine))
	}
	if aws.ToString(version) == "" {
		return versions[len(versions)-1], nil
	}
	for _, v := range versions {
		if v == *version || strings.HasPrefix(v, *version+".") {
			return v, nil
		}
	}
	return "", combination("Cannot find version %s for %s", *version, *engine)
}

// familyOf is the parameter group family of an engine version.
func familyOf(engine, version string) string {
	major, _, _ := strings.Cut(version, ".")
	if isMySQL(&engine) {
		parts := strings.SplitN(version, ".", 3)
		major = strings.Join(parts[:min(2, len(parts))], ".")
	}
	return engine + major
}

func knownFamily(family string) bool {
	for engine, versions := range offered {
		for _, v := range versions {
			if familyOf(engine, v) == family {
				return true
			}
		}
	}
	return false
}

// DescribeDBEngineVersions lists the versions of an engine.
func (s *Service) DescribeDBEngineVersions(
	ctx context.Context, in *rds.DescribeDBEngineVersionsInput,
) (*rds.DescribeDBEngineVersionsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	place := s.here(ctx).Region + " "
	var all []types.DBEngineVersion
	for _, engine := range slices.Sorted(maps.Keys(offered)) {
		if in.Engine != nil && *in.Engine != engine {
			continue
		}
		for n, version := range offered[engine] {
			v := describeVersion(engine, version, offered[engine][n+1:])
			latest := n == len(offered[engine])-1
			if wantedVersion(in, v, latest) && !slices.Contains(s.faults.withdrawn, place+engine+" "+version) {
				all = append(all, v)
			}
		}
	}
	page, marker, err := paginate(all, in.Marker, in.MaxRecords)
	return &rds.DescribeDBEngineVersionsOutput{DBEngineVersions: page, Marker: marker}, err
}

func wantedVersion(in *rds.DescribeDBEngineVersionsInput, v types.DBEngineVersion, latest bool) bool {
	version := aws.ToString(in.EngineVersion)
	switch {
	case version != "" && version != *v.EngineVersion && !strings.HasPrefix(*v.EngineVersion, version+"."):
		return false
	case in.DBParameterGroupFamily != nil && *in.DBParameterGroupFamily != *v.DBParameterGroupFamily:
		return false
	}
	return latest || !aws.ToBool(in.DefaultOnly)
}

func describeVersion(engine, version string, newer []string) types.DBEngineVersion {
	major, _, _ := strings.Cut(version, ".")
	v := types.DBEngineVersion{
		Engine: &engine, EngineVersion: &version, MajorEngineVersion: &major, Status: new("available"),
		DBEngineDescription: new(engine), DBEngineVersionDescription: new(engine + " " + version),
		DBParameterGroupFamily: new(familyOf(engine, version)), SupportsReadReplica: new(true),
		SupportsLogExportsToCloudwatchLogs: new(true), ExportableLogTypes: []string{"postgresql", "upgrade"},
	}
	for _, n := range newer {
		v.ValidUpgradeTarget = append(v.ValidUpgradeTarget, types.UpgradeTarget{
			Engine: &engine, EngineVersion: new(n), IsMajorVersionUpgrade: new(true), AutoUpgrade: new(false),
		})
	}
	return v
}

// classes are the instance classes that can be ordered.
var classes = []string{
	"db.t3.micro", "db.t3.small", "db.t3.medium", "db.t4g.micro", "db.t4g.small", "db.t4g.medium", "db.t4g.large",
	"db.m6g.large", "db.m6g.xlarge", "db.r6g.large", "db.r6g.xlarge", "db.serverless",
}

// DescribeOrderableDBInstanceOptions lists classes for an engine.
func (s *Service) DescribeOrderableDBInstanceOptions(
	_ context.Context, in *rds.DescribeOrderableDBInstanceOptionsInput,
) (*rds.DescribeOrderableDBInstanceOptionsOutput, error) {
	if _, err := findVersion(in.Engine, in.EngineVersion); err != nil {
		return &rds.DescribeOrderableDBInstanceOptionsOutput{}, nil
	}
	var all []types.OrderableDBInstanceOption
	for _, version := range offered[*in.Engine] {
		for _, class := range classes {
			if in.DBInstanceClass != nil && *in.DBInstanceClass != class ||
				in.EngineVersion != nil && !strings.HasPrefix(version, *in.EngineVersion) {
				continue
			}
			all = append(all, types.OrderableDBInstanceOption{
				Engine: in.Engine, EngineVersion: new(version), DBInstanceClass: new(class), Vpc: new(true),
				MultiAZCapable: new(true),
				StorageType:    new("gp3"), SupportsStorageEncryption: new(true), MinStorageSize: new(int32(20)),
				MaxStorageSize: new(int32(65536)),
			})
		}
	}
	page, marker, err := paginate(all, in.Marker, in.MaxRecords)
	return &rds.DescribeOrderableDBInstanceOptionsOutput{OrderableDBInstanceOptions: page, Marker: marker}, err
}

// DescribeAccountAttributes tells quotas and how much of them is used.
func (s *Service) DescribeAccountAttributes(
	ctx context.Context, _ *rds.DescribeAccountAttributesInput,
) (*rds.DescribeAccountAttributesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.here(ctx)
	quota := func(name string, used, limit int) types.AccountQuota {
		return types.AccountQuota{AccountQuotaName: &name, Used: new(int64(used)), Max: new(int64(limit))}
	}
	var storage int
	for _, i := range st.Instances {
		storage += int(aws.ToInt32(i.AllocatedStorage))
	}
	return &rds.DescribeAccountAttributesOutput{AccountQuotas: []types.AccountQuota{
		quota("DBInstances", len(st.Instances), instanceQuota),
		quota("DBClusters", len(st.Clusters), clusterQuota),
		quota("AllocatedStorage", storage, 100_000),
		quota("ManualSnapshots", instanceKind.manual(st), s.options.SnapshotQuota),
		quota("ManualClusterSnapshots", clusterKind.manual(st), s.options.SnapshotQuota),
	}}, nil
}
