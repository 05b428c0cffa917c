package contract

import "testing"

// difference is where a judge does not do what AWS documents.
type difference struct {
	judge, contract string
	steps           []string // of the contract, which come out otherwise
	aws, source     string   // AWS's words, and the page that has them
}

// differences are all that are known. The words are those of AWS's API models (botocore 1.44.5), from which its reference
// pages are made; a source at github.com is AWS's answer as somebody saw it, where the reference is silent on the code.
var differences = []difference{
	{"moto", "ssm/hierarchies in pages", []string{"a path without slash"}, "The parameter name must begin with a forward slash",
		"https://github.com/aws/aws-sdk-js-v3/issues/5928"},
	{"moto", "ssm/refused values", []string{"too long"}, "Standard parameters have a value limit of 4 KB.",
		"https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html"},
	{"moto", "ssm/refused values", []string{"not qualified"}, "Parameter name must be a fully qualified name.",
		"https://github.com/hashicorp/terraform-provider-aws/issues/7251"},
	{"moto", "logs/events in order, the last ones first read", []string{"found"},
		"Filter patterns only return the log events that contain the terms you define.",
		"https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html"},
	{"moto", "iam/simulation", []string{"simulate"}, "Simulate how a set of IAM policies attached to an IAM entity works",
		"https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html"},
	{"moto", "kms/keys and aliases", []string{"manager"},
		"KMS keys in your Amazon Web Services account are either customer managed or Amazon Web Services managed.",
		"https://docs.aws.amazon.com/kms/latest/APIReference/API_KeyMetadata.html"},
	{"moto", "scheduler/groups", []string{"create twice"}, "ConflictException: HTTP Status Code: 409",
		"https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateScheduleGroup.html"},
	{"moto", "scheduler/expressions that are none", []string{"every day", "cron(0 8 * * * *)", "rate(0 days)", "at(tomorrow)"},
		"The following formats are supported: at(yyyy-mm-ddThh:mm:ss), rate(value unit), cron(fields); a value as a positive integer",
		"https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateSchedule.html"},
	{"moto", "application-autoscaling/targets, policies, scheduled actions", []string{"a policy without target", "deregister twice"},
		"For any operation that depends on the existence of a scalable target, this exception is thrown if the scalable target " +
			"[…] does not exist. For any operation that deletes or deregisters a resource, this exception is thrown if the " +
			"resource cannot be found.",
		"https://docs.aws.amazon.com/autoscaling/application/APIReference/API_DeregisterScalableTarget.html"},
	{"moto", "application-autoscaling/tags", []string{"tag", "untag", "list tags"},
		"Adds or edits tags on an Application Auto Scaling scalable target.",
		"https://docs.aws.amazon.com/autoscaling/application/APIReference/API_TagResource.html"},
	{"moto", "rds/parameter groups", []string{"describe what is gone"},
		"DBParameterGroupNotFound: DBParameterGroupName doesn't refer to an existing DB parameter group.",
		"https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeDBParameterGroups.html"},
	{"moto", "rds/versions", []string{"describe versions"}, "Describes the properties of specific versions of DB engines.",
		"https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeDBEngineVersions.html"},
	{"moto", "rds/what can be ordered, and quotas", []string{"some options"},
		"Describes the orderable DB instance options for a specified DB engine.",
		"https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeOrderableDBInstanceOptions.html"},
	{"moto", "rds/what can be ordered, and quotas", []string{"describe quotas"},
		"Lists all of the attributes for a customer account. The attributes include Amazon RDS quotas for the account",
		"https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeAccountAttributes.html"},
	{"moto", "ec2/security groups", []string{"no id"}, "InvalidGroupId.Malformed",
		"https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html"},
	{"moto", "ec2/the default security group", []string{"delete"}, "CannotDelete",
		"https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html"},
	{"ministack", "ecr/missing images", []string{"describe"}, "The image requested does not exist in the specified repository.",
		"https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DescribeImages.html"},
	{"ministack", "ecr/layers and manifests", []string{"put without its layers"},
		"LayersNotFoundException: The specified layers could not be found, or the specified layer is not valid for this repository.",
		"https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_PutImage.html"},
	{"ministack", "ecr/account settings", []string{"put"}, "Allows you to change the basic scan type version or registry policy scope.",
		"https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_PutAccountSetting.html"},
	{"ministack", "ecr/account settings", []string{"get"}, "Retrieves the account setting value for the specified setting name.",
		"https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetAccountSetting.html"},
	{"ministack", "cloudformation/a stack without change sets", []string{"update without a change"}, "No updates are to be performed.",
		"https://github.com/aws/aws-toolkit-azure-devops/pull/536"},
	{"ministack", "cloudformation/a stack without change sets", []string{"protect", "delete what is protected"},
		"If a user attempts to delete a stack with termination protection enabled, the operation fails",
		"https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_UpdateTerminationProtection.html"},
	{"ministack", "cloudformation/a change set that is dropped", []string{"delete"},
		"If the call successfully completes, CloudFormation successfully deleted the change set.",
		"https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DeleteChangeSet.html"},
}

// differencesOf are a judge's for one contract, by step.
func differencesOf(judge string, c contract) map[string]difference {
	steps := map[string]difference{}
	for _, d := range differences {
		if d.judge == judge && d.contract == c.area+"/"+c.name {
			for _, step := range d.steps {
				steps[step] = d
			}
		}
	}
	return steps
}

// TestDifferencesNameContracts: a contract that was renamed leaves no difference behind that nobody looks at.
func TestDifferencesNameContracts(t *testing.T) {
	names := map[string]bool{}
	for _, c := range contracts {
		names[c.area+"/"+c.name] = true
	}
	for _, d := range differences {
		if !names[d.contract] {
			t.Errorf("%s: there is no contract %s", d.judge, d.contract)
		}
	}
}
