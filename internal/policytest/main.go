package policytest

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
)

// indirect are IAM actions that are no calls to the AWS API, and who asks for
// them.
var indirect = map[string]string{
	"iam:PassRole": "AWS, for each role that a call names",

	"ecr:BatchCheckLayerAvailability": "the registry, for HEAD of a blob",
	"ecr:BatchGetImage":               "the registry, for GET of a manifest",
	"ecr:GetDownloadUrlForLayer":      "the registry, for GET of a blob",
	"ecr:InitiateLayerUpload":         "the registry, for POST of an upload",
	"ecr:UploadLayerPart":             "the registry, for PATCH of an upload",
	"ecr:CompleteLayerUpload":         "the registry, for PUT of an upload",
	"ecr:PutImage":                    "the registry, for PUT of a manifest",
	"ecr:GetAuthorizationToken":       "the credential helper of ECR",

	"ecs:TagResource":                        "RegisterTaskDefinition and RunTask with tags",
	"codedeploy:GetDeploymentConfig":         "CreateDeployment",
	"codedeploy:RegisterApplicationRevision": "CreateDeployment",

	"rds:AddTagsToResource":               "each call that makes something with tags",
	"sts:AssumeRole":                      "the provider of credentials, for a role of another account",
	"rds:CreateDBInstance":                "CloudFormation with the caller's permissions",
	"rds:DeleteDBInstance":                "CloudFormation with the caller's permissions",
	"rds:DeleteDBCluster":                 "CloudFormation with the caller's permissions",
	"rds:RestoreDBInstanceFromDBSnapshot": "CloudFormation with the caller's permissions",
	"rds:RestoreDBClusterFromSnapshot":    "CloudFormation with the caller's permissions",

	"kms:CreateGrant": "RDS, for what it encrypts in the caller's name",
}

// recorded is what all calls that Covers looked at needed, in this process.
var recorded struct {
	sync.Mutex
	actions []string
}

func remember(actions []string) {
	recorded.Lock()
	defer recorded.Unlock()
	recorded.actions = append(recorded.actions, actions...)
}

// Main runs the tests of an action's package, and fails if its README allows
// what none of the calls needed that Covers looked at. unseen are IAM actions
// that the package's tests do not lead to, and who calls them. It returns the
// exit code.
func Main(m *testing.M, unseen map[string]string) int {
	code := m.Run()
	if code != 0 || !whole() {
		return code
	}
	allowed, err := allowed("README.md")
	if err != nil {
		fmt.Fprintln(os.Stderr, "policytest:", err)
		return 1
	}
	for _, complaint := range unused(allowed, recorded.actions, unseen) {
		fmt.Fprintln(os.Stderr, "policytest:", complaint)
		code = 1
	}
	return code
}

// whole tells whether all tests were to run: a part of them makes a part of
// the calls.
func whole() bool {
	for _, name := range []string{"run", "skip", "list", "bench", "fuzz"} {
		if f := flag.Lookup("test." + name); f != nil && f.Value.String() != "" {
			return false
		}
	}
	return true
}

// unused complains of what is allowed for nothing, and of reasons for what is
// not allowed any more.
func unused(allowed, needed []string, unseen map[string]string) []string {
	called := func(action string) bool {
		return slices.ContainsFunc(needed, func(n string) bool { return strings.EqualFold(n, action) })
	}
	var complaints []string
	for _, action := range allowed {
		if !called(action) && indirect[action] == "" && unseen[action] == "" {
			complaints = append(complaints, "README.md allows "+action+", which no test makes the action call")
		}
	}
	for action := range unseen {
		if !slices.Contains(allowed, action) {
			complaints = append(complaints, action+" is not allowed any more: do not name it as unseen")
		}
	}
	slices.Sort(complaints)
	return complaints
}
