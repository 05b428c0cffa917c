package resource

import (
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
)

// kinds are the resource types of the suite's templates.
var kinds = map[string]*Kind{
	"AWS::RDS::DBInstance": {
		input: &rds.CreateDBInstanceInput{}, taggable: true, snapshots: notInCluster,
		known: []string{"DBSnapshotIdentifier", "VPCSecurityGroups", "MasterUserSecret", "AllowMajorVersionUpgrade",
			"DeleteAutomatedBackups", "ApplyImmediately"},
		replacing: []string{"DBInstanceIdentifier", "DBName", "MasterUsername", "DBSubnetGroupName", "KmsKeyId",
			"StorageEncrypted", "Port",
			"DBSnapshotIdentifier", "DBClusterIdentifier", "Engine", "AvailabilityZone", "CharacterSetName", "Timezone"},
		create: createInstance, update: updateInstance, remove: removeInstance,
	},
	"AWS::RDS::DBCluster": {
		input: &rds.CreateDBClusterInput{}, taggable: true, snapshots: always,
		known: []string{"SnapshotIdentifier", "MasterUserSecret"},
		replacing: []string{"DBClusterIdentifier", "DatabaseName", "MasterUsername", "DBSubnetGroupName", "KmsKeyId",
			"StorageEncrypted",
			"SnapshotIdentifier", "EngineMode", "AvailabilityZones"},
		create: createCluster, update: updateCluster, remove: removeCluster,
	},
	"AWS::RDS::DBSubnetGroup": {
		input: &rds.CreateDBSubnetGroupInput{}, create: createSubnetGroup, remove: removeSubnetGroup,
	},
	"AWS::RDS::DBParameterGroup": {
		input: &rds.CreateDBParameterGroupInput{}, known: []string{"Family", "Parameters"},
		create: createParameterGroup, remove: removeParameterGroup,
	},
	"AWS::RDS::DBClusterParameterGroup": {
		input: &rds.CreateDBClusterParameterGroupInput{}, known: []string{"Family", "Parameters"},
		create: createClusterParameterGroup, remove: removeClusterParameterGroup,
	},

	"AWS::ECS::Cluster": {input: &ecs.CreateClusterInput{}, create: createECSCluster, remove: removeECSCluster,
		taggable: true},
	"AWS::ECS::TaskDefinition": {
		input: &ecs.RegisterTaskDefinitionInput{}, create: createTaskDefinition, remove: removeTaskDefinition,
	},
	"AWS::ECS::Service": {
		input: &ecs.CreateServiceInput{}, known: []string{"EnableECSManagedTags"},
		replacing: []string{"ServiceName", "Cluster", "LaunchType", "SchedulingStrategy"},
		create:    createService, update: updateService, remove: removeService,
	},

	"AWS::ElasticLoadBalancingV2::LoadBalancer": {
		input: &elasticloadbalancingv2.CreateLoadBalancerInput{}, known: []string{"LoadBalancerAttributes"},
		create: createBalancer, remove: removeBalancer,
	},
	"AWS::ElasticLoadBalancingV2::Listener": {
		input: &elasticloadbalancingv2.CreateListenerInput{}, create: createListener, remove: removeListener,
	},
	"AWS::ElasticLoadBalancingV2::TargetGroup": {
		input: &elasticloadbalancingv2.CreateTargetGroupInput{}, known: []string{"TargetGroupAttributes", "Targets"},
		create: createTargetGroup, remove: removeTargetGroup,
	},
	"AWS::ElasticLoadBalancingV2::ListenerRule": {
		input: &elasticloadbalancingv2.CreateRuleInput{}, create: createRule, remove: removeRule,
	},

	"AWS::SSM::Parameter": {
		input: &ssm.PutParameterInput{}, replacing: []string{"Name", "Type"},
		create: createParameter, update: updateParameter, remove: removeParameter,
	},
	"AWS::SecretsManager::Secret": {
		input: &secretsmanager.CreateSecretInput{}, known: []string{"GenerateSecretString"}, create: createSecret,
		remove: removeSecret,
	},
	"AWS::Logs::LogGroup": {
		input: &cloudwatchlogs.CreateLogGroupInput{}, known: []string{"RetentionInDays"},
		replacing: []string{"LogGroupName"},
		create:    createLogGroup, update: updateLogGroup, remove: removeLogGroup,
	},
	"AWS::Scheduler::Schedule": {
		input: &scheduler.CreateScheduleInput{}, replacing: []string{"Name"},
		create: createSchedule, update: updateSchedule, remove: removeSchedule,
	},

	"AWS::IAM::Role": {replacing: []string{"RoleName", "Path"}, create: createRole, update: createModel, remove: removeRole},

	"AWS::EC2::SecurityGroup": {create: createSecurityGroup, update: createModel, remove: removeSecurityGroup},

	// Nothing stands behind these: local AWS filters no traffic and has no policies.
	"AWS::EC2::SecurityGroupIngress":             {create: createModel},
	"AWS::EC2::SecurityGroupEgress":              {create: createModel},
	"AWS::IAM::Policy":                           {create: createModel},
	"AWS::CloudFormation::WaitConditionHandle":   {create: createModel},
	"AWS::CloudFormation::WaitCondition":         {create: createWaitCondition},
	"AWS::ApplicationAutoScaling::ScalingPolicy": {create: createModel},
}
