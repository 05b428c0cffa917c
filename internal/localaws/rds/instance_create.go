package rds

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/org/shipkit/internal/localaws/ec2"
	"github.com/org/shipkit/internal/localaws/rds/engine"
	"github.com/org/shipkit/internal/localaws/rds/mariadb"
	"github.com/org/shipkit/internal/localaws/wire"
)

// CreateDBInstance creates an instance with an empty database, or a member of
// a cluster.
func (s *Service) CreateDBInstance(ctx context.Context, in *rds.CreateDBInstanceInput) (*rds.CreateDBInstanceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.here(ctx)
	i := &instance{}
	overlay(&i.DBInstance, in)
	version, err := findVersion(in.Engine, in.EngineVersion)
	if err != nil {
		return nil, err
	}
	i.EngineVersion = &version
	i.Password = aws.ToString(in.MasterUserPassword)
	if in.DBClusterIdentifier != nil {
		err = st.checkMember(in)
	} else {
		err = checkNewInstance(in)
	}
	if err != nil {
		return nil, err
	}
	if i.KmsKeyId, err = s.encryption(ctx, in.StorageEncrypted, in.KmsKeyId); err != nil {
		return nil, err
	}
	settings := instanceSettings{
		id: in.DBInstanceIdentifier, subnetGroup: in.DBSubnetGroupName, parameterGroup: in.DBParameterGroupName,
		securityGroups: in.VpcSecurityGroupIds, tags: in.Tags, logs: in.EnableCloudwatchLogsExports,
		iam: in.EnableIAMDatabaseAuthentication, insights: in.EnablePerformanceInsights,
		port: in.Port, managed: in.ManageMasterUserPassword,
	}
	if err := s.addInstance(ctx, st, i, settings); err != nil {
		return nil, err
	}
	s.background(ctx, func(ctx context.Context) {
		if in.DBClusterIdentifier != nil {
			s.raiseMember(ctx, st, i)
			return
		}
		if s.wait(ctx, s.options.Timing.Create) {
			s.raiseInstance(ctx, i, "", engine.Master{
				User: aws.ToString(i.MasterUsername), Password: i.Password, Database: aws.ToString(i.DBName),
			})
		}
	})
	return &rds.CreateDBInstanceOutput{DBInstance: new(i.DBInstance)}, nil
}

// checkNewInstance holds what an instance outside of a cluster requires.
func checkNewInstance(in *rds.CreateDBInstanceInput) error {
	managed := aws.ToBool(in.ManageMasterUserPassword)
	switch {
	case strings.HasPrefix(aws.ToString(in.Engine), "aurora"):
		return combination("The engine %s requires DBClusterIdentifier.", aws.ToString(in.Engine))
	case aws.ToString(in.MasterUsername) == "":
		return invalid("The parameter MasterUsername must be provided and must not be blank.")
	case managed && in.MasterUserPassword != nil:
		return combination("You can't specify MasterUserPassword for an instance with ManageMasterUserPassword enabled.")
	case !managed && len(aws.ToString(in.MasterUserPassword)) < 8:
		return invalid("The parameter MasterUserPassword is not a valid password because it is shorter than 8 characters.")
	case aws.ToInt32(in.AllocatedStorage) < 5:
		return invalid("Invalid storage size for engine name %s and storage type gp2: %d",
			aws.ToString(in.Engine), aws.ToInt32(in.AllocatedStorage))
	}
	return nil
}

// checkMember holds what a cluster's member requires.
func (st *state) checkMember(in *rds.CreateDBInstanceInput) error {
	c, err := st.cluster(in.DBClusterIdentifier)
	if err != nil {
		return err
	}
	switch {
	case aws.ToString(c.Engine) != aws.ToString(in.Engine):
		return combination("The engine name %s does not match the engine name of the cluster, %s.",
			aws.ToString(in.Engine), aws.ToString(c.Engine))
	case in.MasterUsername != nil || in.MasterUserPassword != nil:
		return combination("The requested DB Instance will be a member of a DB Cluster. Set master user password for the DB Cluster.")
	case aws.ToString(c.Status) == stopped || aws.ToString(c.Status) == deleting:
		return wire.Errorf("InvalidDBClusterStateFault", 400, "The DB cluster %s isn't in the available state.",
			*c.DBClusterIdentifier)
	}
	return nil
}

// instanceSettings are inputs that a description shows under another name or
// in another form.
type instanceSettings struct {
	id, subnetGroup, parameterGroup *string
	securityGroups, logs            []string
	tags                            []types.Tag
	iam, insights, managed          *bool
	port                            *int32
}

// addInstance completes the description of a new instance and files it in the
// state creating. The lock is held.
func (s *Service) addInstance(ctx context.Context, st *state, i *instance, in instanceSettings) error {
	id, err := newID("DBInstanceIdentifier", in.id, 63)
	if err != nil {
		return err
	}
	if st.Instances[id] != nil {
		return wire.Errorf("DBInstanceAlreadyExists", 400, "DB instance already exists")
	}
	if len(st.Instances) >= instanceQuota {
		return wire.Errorf("InstanceQuotaExceeded", 400, "DB Instance quota exceeded: at most %d", instanceQuota)
	}
	if aws.ToString(i.DBInstanceClass) == "" {
		return invalid("The parameter DBInstanceClass must be provided and must not be blank.")
	}
	if i.DBSubnetGroup, err = st.subnets(in.subnetGroup); err != nil {
		return err
	}
	if i.DBParameterGroups, err = st.instanceParameters(in.parameterGroup, i.Engine, i.EngineVersion); err != nil {
		return err
	}
	i.Folder = s.nextName("d")
	i.DBInstanceIdentifier = &id
	i.DBInstanceArn = new(st.arn("db", id))
	i.DbiResourceId = new("db-" + strings.ToUpper(i.Folder) + "LOCAL")
	i.DBInstanceStatus = new(creating)
	i.StorageEncrypted = new(i.KmsKeyId != nil)
	i.TagList = in.tags
	i.VpcSecurityGroups = securityGroups(in.securityGroups)
	i.EnabledCloudwatchLogsExports = in.logs
	i.IAMDatabaseAuthenticationEnabled = new(aws.ToBool(in.iam))
	i.PerformanceInsightsEnabled = new(aws.ToBool(in.insights))
	i.DbInstancePort = new(int32(0))
	i.StorageType = orElse(i.StorageType, "gp2")
	i.BackupRetentionPeriod = orElse(i.BackupRetentionPeriod, 1)
	i.PreferredBackupWindow = orElse(i.PreferredBackupWindow, "03:00-03:30")
	i.PreferredMaintenanceWindow = orElse(i.PreferredMaintenanceWindow, "sun:04:00-sun:04:30")
	i.DeletionProtection = orElse(i.DeletionProtection, false)
	i.MultiAZ = orElse(i.MultiAZ, false)
	i.PubliclyAccessible = orElse(i.PubliclyAccessible, false)
	i.CopyTagsToSnapshot = orElse(i.CopyTagsToSnapshot, false)
	i.AutoMinorVersionUpgrade = orElse(i.AutoMinorVersionUpgrade, true)
	i.AvailabilityZone = orElse(i.AvailabilityZone, st.Region+"a")
	if aws.ToBool(in.managed) {
		if i.MasterUserSecret, err = s.managePassword(ctx, &i.database, "db", aws.ToString(i.MasterUsername)); err != nil {
			return err
		}
	}
	st.Instances[id] = i
	return nil
}

// raiseInstance starts the server of a new instance and takes it through its
// first states.
func (s *Service) raiseInstance(ctx context.Context, i *instance, archive string, m engine.Master) {
	server, err := s.open(ctx, i.Engine, i.Folder, archive, m)
	s.mu.Lock()
	if err != nil {
		s.setInstance(i, badNetwork)
		i.StatusInfos = []types.DBInstanceStatusInfo{{Message: new(err.Error()), Status: new("error"), Normal: new(false)}}
		s.mu.Unlock()
		return
	}
	i.server = server
	if server == nil && !s.options.NoData {
		i.StatusInfos = []types.DBInstanceStatusInfo{{Message: new("without data: " + mariadb.ErrMissing.Error()), Normal: new(true)}}
	}
	i.InstanceCreateTime = new(s.clock.Now())
	i.Endpoint = &types.Endpoint{Address: new(s.options.Address), Port: i.port(portOf(i.Engine)),
		HostedZoneId: new("ZLOCAL")}
	if aws.ToString(i.DBInstanceStatus) == deleting {
		s.mu.Unlock()
		return
	}
	backup := aws.ToInt32(i.BackupRetentionPeriod) > 0
	if backup {
		s.setInstance(i, backingUp)
	}
	s.mu.Unlock()
	if backup && !s.wait(ctx, s.options.Timing.Backup) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.moveInstance(i, available, creating, backingUp)
}

// setInstance changes the state. The lock is held.
func (s *Service) setInstance(i *instance, status string) { i.DBInstanceStatus = &status }

// moveInstance changes the state if it is one of those expected: a deletion
// may have come between. The lock is held.
func (s *Service) moveInstance(i *instance, to string, from ...string) bool {
	for _, status := range from {
		if aws.ToString(i.DBInstanceStatus) == status {
			s.setInstance(i, to)
			return true
		}
	}
	return false
}

func orElse[T any](p *T, def T) *T {
	if p != nil {
		return p
	}
	return &def
}

func securityGroups(ids []string) []types.VpcSecurityGroupMembership {
	if len(ids) == 0 {
		ids = []string{ec2.DefaultGroup}
	}
	groups := make([]types.VpcSecurityGroupMembership, len(ids))
	for i, id := range ids {
		groups[i] = types.VpcSecurityGroupMembership{VpcSecurityGroupId: new(id), Status: new("active")}
	}
	return groups
}

// portOf is the port that an engine has on AWS unless told otherwise.
func portOf(name *string) int32 {
	if isMySQL(name) {
		return 3306
	}
	return 5432
}
