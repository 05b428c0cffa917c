package policytest

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// indirect are actions that the code of shipkit does not call itself, and who
// needs them.
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

	"rds:CreateDBInstance":                "CloudFormation with the caller's permissions",
	"rds:DeleteDBInstance":                "CloudFormation with the caller's permissions",
	"rds:DeleteDBCluster":                 "CloudFormation with the caller's permissions",
	"rds:RestoreDBInstanceFromDBSnapshot": "CloudFormation with the caller's permissions",
	"rds:RestoreDBClusterFromSnapshot":    "CloudFormation with the caller's permissions",
}

// TestPoliciesAllowNothingUnused looks for a call of every action that a
// README asks for: what was given once is never taken back by users.
func TestPoliciesAllowNothingUnused(t *testing.T) {
	code := sources(t, "../../pkg", "../../actions", "../../cmd/shipkit")
	readmes, err := filepath.Glob("../../actions/*/README.md")
	if err != nil || len(readmes) == 0 {
		t.Fatal(readmes, err)
	}
	var used []string
	for _, readme := range readmes {
		for _, action := range Allowed(t, readme) {
			used = append(used, action)
			_, operation, _ := strings.Cut(action, ":")
			call := regexp.MustCompile(`\.(New)?` + regexp.QuoteMeta(operation) + `(Paginator)?\(`)
			if indirect[action] == "" && !call.MatchString(code) {
				t.Errorf("%s allows %s, which nothing calls", readme, action)
			}
		}
	}
	for action := range indirect {
		if !slices.Contains(used, action) {
			t.Errorf("%s is in no policy any more: remove it here", action)
		}
	}
}

// sources returns the code below folders, without tests.
func sources(t *testing.T, folders ...string) string {
	t.Helper()
	var code strings.Builder
	for _, folder := range folders {
		err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(path)
			code.Write(text)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return code.String()
}
