package rds

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/org/shipkit/internal/localaws/rds/engine"
	"github.com/org/shipkit/internal/localaws/wire"
)

// CreateDBCluster creates a cluster with an empty database. The cluster, not
// its members, has the server.
func (s *Service) CreateDBCluster(ctx context.Context, in *rds.CreateDBClusterInput) (*rds.CreateDBClusterOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.here(ctx)
	c := &cluster{}
	overlay(&c.DBCluster, in)
	version, err := findVersion(in.Engine, in.EngineVersion)
	if err != nil {
		return nil, err
	}
	c.EngineVersion = &version
	managed := aws.ToBool(in.ManageMasterUserPassword)
	switch {
	case !strings.HasPrefix(aws.ToString(in.Engine), "aurora"):
		return nil, combination("Local RDS has Aurora clusters only, no Multi-AZ cluster of engine %s.",
			aws.ToString(in.Engine))
	case aws.ToString(in.MasterUsername) == "":
		return nil, invalid("The parameter MasterUsername must be provided and must not be blank.")
	case managed && in.MasterUserPassword != nil:
		return nil, combination("You can't specify MasterUserPassword with ManageMasterUserPassword enabled.")
	case !managed && len(aws.ToString(in.MasterUserPassword)) < 8:
		return nil, invalid("The parameter MasterUserPassword is not a valid password because it is shorter than 8 characters.")
	}
	c.Password = aws.ToString(in.MasterUserPassword)
	if c.KmsKeyId, err = s.encryption(ctx, in.StorageEncrypted, in.KmsKeyId); err != nil {
		return nil, err
	}
	settings := clusterSettings{
		id: in.DBClusterIdentifier, subnetGroup: in.DBSubnetGroupName, parameterGroup: in.DBClusterParameterGroupName,
		securityGroups: in.VpcSecurityGroupIds, tags: in.Tags, logs: in.EnableCloudwatchLogsExports,
		iam: in.EnableIAMDatabaseAuthentication, managed: in.ManageMasterUserPassword,
		scaling: in.ServerlessV2ScalingConfiguration,
	}
	if err := s.addCluster(ctx, st, c, settings); err != nil {
		return nil, err
	}
	s.background(ctx, func(ctx context.Context) {
		if s.wait(ctx, s.options.Timing.Create) {
			s.raiseCluster(ctx, st, c, "", engine.Master{
				User: aws.ToString(c.MasterUsername), Password: c.Password, Database: aws.ToString(c.DatabaseName),
			})
		}
	})
	return &rds.CreateDBClusterOutput{DBCluster: new(c.DBCluster)}, nil
}

// clusterSettings are inputs that a description shows under another name or in
// another form.
type clusterSettings struct {
	id, subnetGroup, parameterGroup *string
	securityGroups, logs            []string
	tags                            []types.Tag
	iam, managed                    *bool
	scaling                         *types.ServerlessV2ScalingConfiguration
}

// addCluster completes the description of a new cluster and files it in the
// state creating. The lock is held.
func (s *Service) addCluster(ctx context.Context, st *state, c *cluster, in clusterSettings) error {
	id, err := newID("DBClusterIdentifier", in.id, 63)
	if err != nil {
		return err
	}
	if st.Clusters[id] != nil {
		return wire.Errorf("DBClusterAlreadyExistsFault", 400, "DB Cluster already exists")
	}
	if len(st.Clusters) >= clusterQuota {
		return wire.Errorf("DBClusterQuotaExceededFault", 403, "DB Cluster quota exceeded: at most %d", clusterQuota)
	}
	group, err := st.subnets(in.subnetGroup)
	if err != nil {
		return err
	}
	if c.DBClusterParameterGroup, err = st.clusterParameters(in.parameterGroup, c.Engine, c.EngineVersion); err != nil {
		return err
	}
	c.Folder = s.nextName("d")
	c.DBSubnetGroup = group.DBSubnetGroupName
	c.DBClusterIdentifier = &id
	c.DBClusterArn = new(st.arn("cluster", id))
	c.DbClusterResourceId = new("cluster-" + strings.ToUpper(c.Folder) + "LOCAL")
	c.ClusterCreateTime = new(s.clock.Now())
	c.Status = new(creating)
	c.StorageEncrypted = new(c.KmsKeyId != nil)
	c.TagList = in.tags
	c.VpcSecurityGroups = securityGroups(in.securityGroups)
	c.EnabledCloudwatchLogsExports = in.logs
	c.IAMDatabaseAuthenticationEnabled = new(aws.ToBool(in.iam))
	c.EngineMode = orElse(c.EngineMode, "provisioned")
	c.StorageType = orElse(c.StorageType, "aurora")
	c.AllocatedStorage = orElse(c.AllocatedStorage, 1)
	c.Port = orElse(c.Port, portOf(c.Engine))
	c.BackupRetentionPeriod = orElse(c.BackupRetentionPeriod, 1)
	c.PreferredBackupWindow = orElse(c.PreferredBackupWindow, "03:00-03:30")
	c.PreferredMaintenanceWindow = orElse(c.PreferredMaintenanceWindow, "sun:04:00-sun:04:30")
	c.DeletionProtection = orElse(c.DeletionProtection, false)
	c.CopyTagsToSnapshot = orElse(c.CopyTagsToSnapshot, false)
	c.MultiAZ = new(false)
	c.ServerlessV2ScalingConfiguration = scaling(in.scaling)
	c.AvailabilityZones = []string{st.Region + "a", st.Region + "b", st.Region + "c"}
	if aws.ToBool(in.managed) {
		if c.MasterUserSecret, err = s.managePassword(ctx, &c.database, "cluster",
			aws.ToString(c.MasterUsername)); err != nil {
			return err
		}
	}
	st.Clusters[id] = c
	return nil
}

func scaling(in *types.ServerlessV2ScalingConfiguration) *types.ServerlessV2ScalingConfigurationInfo {
	if in == nil {
		return nil
	}
	return &types.ServerlessV2ScalingConfigurationInfo{
		MinCapacity: in.MinCapacity, MaxCapacity: in.MaxCapacity, SecondsUntilAutoPause: in.SecondsUntilAutoPause,
	}
}

// raiseCluster starts the server of a new cluster.
func (s *Service) raiseCluster(ctx context.Context, st *state, c *cluster, archive string, m engine.Master) {
	server, err := s.open(ctx, c.Engine, c.Folder, archive, m)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		c.move("inaccessible-encryption-credentials", creating) // the failed state that Aurora has
		return
	}
	c.server = server
	c.Endpoint, c.ReaderEndpoint = new(s.options.Address), new(s.options.Address)
	c.Port = c.port(*c.Port)
	c.move(available, creating)
	st.refreshMembers(*c.DBClusterIdentifier)
}

// raiseMember takes a new member to available, once its cluster is.
func (s *Service) raiseMember(ctx context.Context, st *state, i *instance) {
	s.mu.Lock()
	st.refreshMembers(*i.DBClusterIdentifier)
	s.mu.Unlock()
	if !s.wait(ctx, s.options.Timing.Create) {
		return
	}
	for !s.joinCluster(st, i) {
		if !s.wait(ctx, s.options.Timing.Create/10+1) {
			return
		}
	}
}

// joinCluster reports whether the member has reached the end of its creation.
func (s *Service) joinCluster(st *state, i *instance) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := st.Clusters[*i.DBClusterIdentifier]
	if c == nil || aws.ToString(i.DBInstanceStatus) != creating {
		return true
	}
	if aws.ToString(c.Status) != available {
		return false
	}
	i.InstanceCreateTime = new(s.clock.Now())
	i.MasterUsername, i.DBName, i.KmsKeyId, i.StorageEncrypted = c.MasterUsername, c.DatabaseName, c.KmsKeyId,
		c.StorageEncrypted
	i.Endpoint = &types.Endpoint{Address: c.Endpoint, Port: c.Port, HostedZoneId: new("ZLOCAL")}
	s.moveInstance(i, available, creating)
	return true
}

// refreshMembers lists a cluster's members: the first is the writer. The lock
// is held.
func (st *state) refreshMembers(id string) {
	c := st.Clusters[id]
	if c == nil {
		return
	}
	var members []types.DBClusterMember
	for _, i := range st.members(id) {
		members = append(members, types.DBClusterMember{
			DBInstanceIdentifier: i.DBInstanceIdentifier, IsClusterWriter: new(len(members) == 0),
			PromotionTier: orElse(i.PromotionTier, 1), DBClusterParameterGroupStatus: new("in-sync"),
		})
	}
	c.DBClusterMembers = members
	c.MultiAZ = new(len(members) > 1)
}

// members returns a cluster's instances.
func (st *state) members(id string) (members []*instance) {
	for _, i := range inOrder(st.Instances) {
		if i.DBClusterIdentifier != nil && key(i.DBClusterIdentifier) == id {
			members = append(members, i)
		}
	}
	return members
}

// move changes the state if it is one of those expected. The lock is held.
func (c *cluster) move(to string, from ...string) bool {
	for _, status := range from {
		if aws.ToString(c.Status) == status {
			c.Status = &to
			return true
		}
	}
	return false
}
