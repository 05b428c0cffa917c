package contract

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
)

// https://docs.aws.amazon.com/secretsmanager/latest/apireference/
var secretContracts = []contract{
	{"secretsmanager", "versions move their stages", func(r *run) {
		c := secretsmanager.NewFromConfig(r.cfg)
		made, err := c.CreateSecret(r, &secretsmanager.CreateSecretInput{Name: aws.String("app/db"), SecretString: aws.String("one")})
		if !r.ok("create", err) {
			return
		}
		_, err = c.CreateSecret(r, &secretsmanager.CreateSecretInput{Name: aws.String("app/db"), SecretString: aws.String("one")})
		r.fails("create twice", err, "ResourceExistsException")
		_, err = c.PutSecretValue(r, &secretsmanager.PutSecretValueInput{SecretId: made.ARN, SecretString: aws.String("two")})
		r.ok("put", err)
		for stage, want := range map[string]string{"AWSCURRENT": "two", "AWSPREVIOUS": "one"} {
			got, err := c.GetSecretValue(r, &secretsmanager.GetSecretValueInput{SecretId: aws.String("app/db"), VersionStage: &stage})
			if r.ok("get "+stage, err) {
				r.equal(stage, got.SecretString, want)
			}
		}
		_, err = c.UpdateSecret(r, &secretsmanager.UpdateSecretInput{SecretId: made.ARN, SecretString: aws.String("three"),
			Description: aws.String("the database's")})
		r.ok("update", err)
		got, err := c.GetSecretValue(r, &secretsmanager.GetSecretValueInput{SecretId: made.ARN})
		if r.ok("get", err) {
			r.equal("value", got.SecretString, "three")
		}
		described, err := c.DescribeSecret(r, &secretsmanager.DescribeSecretInput{SecretId: made.ARN})
		if r.ok("describe", err) {
			r.equal("description", described.Description, "the database's")
		}
	}},
	{"secretsmanager", "missing and empty secrets", func(r *run) {
		c := secretsmanager.NewFromConfig(r.cfg)
		_, err := c.GetSecretValue(r, &secretsmanager.GetSecretValueInput{SecretId: aws.String("no")})
		r.fails("get", err, "ResourceNotFoundException")
		_, err = c.DescribeSecret(r, &secretsmanager.DescribeSecretInput{SecretId: aws.String("no")})
		r.fails("describe", err, "ResourceNotFoundException")
		_, err = c.CreateSecret(r, &secretsmanager.CreateSecretInput{Name: aws.String("empty")})
		r.ok("create without value", err)
		_, err = c.GetSecretValue(r, &secretsmanager.GetSecretValueInput{SecretId: aws.String("empty")})
		r.fails("get without value", err, "ResourceNotFoundException")
	}},
	{"secretsmanager", "deletion waits, and can be taken back", func(r *run) {
		c := secretsmanager.NewFromConfig(r.cfg)
		_, err := c.CreateSecret(r, &secretsmanager.CreateSecretInput{Name: aws.String("old"), SecretString: aws.String("x")})
		r.ok("create", err)
		_, err = c.DeleteSecret(r, &secretsmanager.DeleteSecretInput{SecretId: aws.String("old"), RecoveryWindowInDays: aws.Int64(3)})
		r.fails("too short a window", err, "InvalidParameterException")
		_, err = c.DeleteSecret(r, &secretsmanager.DeleteSecretInput{SecretId: aws.String("old"), RecoveryWindowInDays: aws.Int64(30)})
		r.ok("delete", err)
		_, err = c.GetSecretValue(r, &secretsmanager.GetSecretValueInput{SecretId: aws.String("old")})
		r.fails("get while deleted", err, "InvalidRequestException")
		_, err = c.RestoreSecret(r, &secretsmanager.RestoreSecretInput{SecretId: aws.String("old")})
		r.ok("restore", err)
		_, err = c.GetSecretValue(r, &secretsmanager.GetSecretValueInput{SecretId: aws.String("old")})
		r.ok("get when restored", err)
		_, err = c.DeleteSecret(r, &secretsmanager.DeleteSecretInput{SecretId: aws.String("old"), ForceDeleteWithoutRecovery: aws.Bool(true)})
		r.ok("delete at once", err)
		_, err = c.DescribeSecret(r, &secretsmanager.DescribeSecretInput{SecretId: aws.String("old")})
		r.fails("describe what is gone", err, "ResourceNotFoundException")
	}},
	{"secretsmanager", "tags and lists", func(r *run) {
		c := secretsmanager.NewFromConfig(r.cfg)
		_, err := c.CreateSecret(r, &secretsmanager.CreateSecretInput{Name: aws.String("tagged"), SecretString: aws.String("x"),
			Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("1")}}})
		r.ok("create", err)
		_, err = c.TagResource(r, &secretsmanager.TagResourceInput{SecretId: aws.String("tagged"),
			Tags: []types.Tag{{Key: aws.String("b"), Value: aws.String("2")}}})
		r.ok("tag", err)
		_, err = c.UntagResource(r, &secretsmanager.UntagResourceInput{SecretId: aws.String("tagged"), TagKeys: []string{"a"}})
		r.ok("untag", err)
		out, err := c.ListSecrets(r, &secretsmanager.ListSecretsInput{Filters: []types.Filter{{Key: types.FilterNameStringTypeName,
			Values: []string{"tagg"}}}})
		if r.ok("list", err) && len(out.SecretList) == 1 {
			r.equal("tags", len(out.SecretList[0].Tags), 1)
		} else {
			r.equal("secrets", len(out.SecretList), 1)
		}
	}},
}
