package contract

// differences are the contracts that a judge does not hold, with what AWS documents.
var differences = map[string]string{
	"moto ssm/hierarchies in pages": "takes a path without a leading slash. AWS: \"Hierarchies start with a forward slash\", " +
		"API_GetParametersByPath",
	"moto ssm/refused values": "takes values over 4 KB and names that are not fully qualified. AWS: API_PutParameter, " +
		"\"Standard parameters have a value limit of 4 KB\", \"the parameter name must be a fully qualified name\"",
	"moto logs/events in order, the last ones first read": "does not filter by unquoted words. AWS: FilterAndPatternSyntax, " +
		"\"match terms in unstructured log events\"",
	"moto iam/simulation":                      "has no SimulatePrincipalPolicy. AWS: IAM API_SimulatePrincipalPolicy",
	"moto kms/keys and aliases":                "calls AWS's own keys CUSTOMER. AWS: API_KeyMetadata, KeyManager is AWS or CUSTOMER",
	"moto scheduler/groups":                    "creates a group twice. AWS: API_CreateScheduleGroup, ConflictException (409)",
	"moto scheduler/expressions that are none": "does not read expressions. AWS: API_CreateSchedule, ValidationException",
	"moto application-autoscaling/targets, policies, scheduled actions": "keeps policies without target, and says " +
		"ValidationException when nothing is registered. AWS: API_PutScalingPolicy and API_DeregisterScalableTarget, " +
		"ObjectNotFoundException",
	"moto application-autoscaling/tags": "has no tags here. AWS: application autoscaling's API_TagResource",
	"moto rds/parameter groups":         "returns an empty list. AWS: API_DescribeDBParameterGroups, DBParameterGroupNotFound",
	"moto rds/versions":                 "has no DescribeDBEngineVersions. AWS: API_DescribeDBEngineVersions",
	"moto rds/what can be ordered, and quotas": "knows few classes and has no DescribeAccountAttributes. AWS: " +
		"API_DescribeOrderableDBInstanceOptions, API_DescribeAccountAttributes",
	"ministack ecr/missing images": "returns an empty list. AWS: API_DescribeImages, ImageNotFoundException",
}
