package contract

import (
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

const trust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ecs-tasks.amazonaws.com"},` +
	`"Action":"sts:AssumeRole"}]}`

// https://docs.aws.amazon.com/STS/latest/APIReference/, …/IAM/…, …/kms/…
var identity = []contract{
	{"sts", "assumed roles act in their account", func(r *run) {
		role := aws.String("arn:aws:iam::444455556666:role/deploy")
		out, err := sts.NewFromConfig(r.cfg).AssumeRole(r, &sts.AssumeRoleInput{RoleArn: role, RoleSessionName: aws.String("ci")})
		if !r.ok("assume", err) {
			return
		}
		r.equal("expires in the future", out.Credentials.Expiration.After(time.Now()), true)
		other := r.cfg.Copy()
		other.Credentials = credentials.NewStaticCredentialsProvider(*out.Credentials.AccessKeyId, *out.Credentials.SecretAccessKey,
			*out.Credentials.SessionToken)
		who, err := sts.NewFromConfig(other).GetCallerIdentity(r, &sts.GetCallerIdentityInput{})
		if r.ok("who am I", err) {
			r.equal("account", who.Account, "444455556666")
			r.equal("arn", who.Arn, "arn:aws:sts::444455556666:assumed-role/deploy/ci")
		}
		anonymous := r.cfg.Copy()
		anonymous.Credentials = aws.AnonymousCredentials{}
		web, err := sts.NewFromConfig(anonymous).AssumeRoleWithWebIdentity(r, &sts.AssumeRoleWithWebIdentityInput{RoleArn: role,
			RoleSessionName: aws.String("ci"), WebIdentityToken: aws.String("a.b.c")})
		if r.ok("assume with a web identity", err) {
			r.equal("a temporary key", strings.HasPrefix(*web.Credentials.AccessKeyId, "ASIA"), true)
		}
	}},
	{"iam", "roles", func(r *run) {
		c := iam.NewFromConfig(r.cfg)
		name := aws.String("taskRole")
		made, err := c.CreateRole(r, &iam.CreateRoleInput{RoleName: name, AssumeRolePolicyDocument: aws.String(trust)})
		if !r.ok("create", err) {
			return
		}
		_, err = c.CreateRole(r, &iam.CreateRoleInput{RoleName: name, AssumeRolePolicyDocument: aws.String(trust)})
		r.fails("create twice", err, "EntityAlreadyExists")
		got, err := c.GetRole(r, &iam.GetRoleInput{RoleName: name})
		if r.ok("get", err) {
			r.equal("arn", got.Role.Arn, *made.Role.Arn)
			r.equal("trust is percent-encoded", strings.HasPrefix(*got.Role.AssumeRolePolicyDocument, "%7B%22Version%22"), true)
		}
		_, err = c.DeleteRole(r, &iam.DeleteRoleInput{RoleName: name})
		r.ok("delete", err)
		_, err = c.GetRole(r, &iam.GetRoleInput{RoleName: name})
		r.fails("get what is gone", err, "NoSuchEntity")
	}},
	{"iam", "simulation", func(r *run) {
		c := iam.NewFromConfig(r.cfg)
		out, err := c.SimulatePrincipalPolicy(r, &iam.SimulatePrincipalPolicyInput{ActionNames: []string{"ecs:UpdateService"},
			PolicySourceArn: aws.String("arn:aws:iam::111122223333:user/local")})
		if r.ok("simulate", err) && len(out.EvaluationResults) == 1 {
			r.equal("action", out.EvaluationResults[0].EvalActionName, "ecs:UpdateService")
		}
	}},
	{"kms", "keys and aliases", func(r *run) {
		c := kms.NewFromConfig(r.cfg)
		made, err := c.CreateKey(r, &kms.CreateKeyInput{Description: aws.String("databases")})
		if !r.ok("create", err) {
			return
		}
		r.equal("manager", made.KeyMetadata.KeyManager, "CUSTOMER")
		alias := &kms.CreateAliasInput{AliasName: aws.String("alias/databases"), TargetKeyId: made.KeyMetadata.KeyId}
		_, err = c.CreateAlias(r, alias)
		r.ok("alias", err)
		_, err = c.CreateAlias(r, alias)
		r.fails("alias twice", err, "AlreadyExistsException")
		got, err := c.DescribeKey(r, &kms.DescribeKeyInput{KeyId: aws.String("alias/databases")})
		if r.ok("describe by alias", err) {
			r.equal("key", got.KeyMetadata.Arn, *made.KeyMetadata.Arn)
		}
		list, err := c.ListAliases(r, &kms.ListAliasesInput{KeyId: made.KeyMetadata.KeyId})
		if r.ok("list", err) {
			r.equal("aliases", len(list.Aliases), 1)
		}
		own, err := c.DescribeKey(r, &kms.DescribeKeyInput{KeyId: aws.String("alias/aws/rds")})
		if r.ok("describe AWS's own key", err) {
			r.equal("manager", own.KeyMetadata.KeyManager, "AWS")
		}
		_, err = c.PutKeyPolicy(r, &kms.PutKeyPolicyInput{KeyId: made.KeyMetadata.KeyId, PolicyName: aws.String("default"),
			Policy: aws.String(`{"Version":"2012-10-17","Statement":[]}`)})
		r.ok("put the policy", err)
		policy, err := c.GetKeyPolicy(r, &kms.GetKeyPolicyInput{KeyId: made.KeyMetadata.KeyId, PolicyName: aws.String("default")})
		if r.ok("get the policy", err) {
			r.equal("policy", policy.Policy, `{"Version":"2012-10-17","Statement":[]}`)
		}
		_, err = c.DescribeKey(r, &kms.DescribeKeyInput{KeyId: aws.String("alias/no")})
		r.fails("describe what is not there", err, "NotFoundException")
	}},
}
