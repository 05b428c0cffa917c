package contract

import (
	"encoding/base64"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

const lifecycle = `{"rules":[{"rulePriority":1,"selection":{"tagStatus":"untagged","countType":"sinceImagePushed","countUnit":"days",` +
	`"countNumber":14},"action":{"type":"expire"}}]}`

// https://docs.aws.amazon.com/AmazonECR/latest/APIReference/
var repositories = []contract{
	{"ecr", "repositories", func(r *run) {
		c := ecr.NewFromConfig(r.cfg)
		name := aws.String("team/web")
		in := &ecr.CreateRepositoryInput{RepositoryName: name, ImageTagMutability: types.ImageTagMutabilityImmutable}
		made, err := c.CreateRepository(r, in)
		if r.ok("create", err) {
			r.equal("the URI ends with the name", strings.HasSuffix(*made.Repository.RepositoryUri, "/team/web"), true)
		}
		_, err = c.CreateRepository(r, in)
		r.fails("create twice", err, "RepositoryAlreadyExistsException")
		_, err = c.PutImageTagMutability(r, &ecr.PutImageTagMutabilityInput{RepositoryName: name,
			ImageTagMutability: types.ImageTagMutabilityMutable})
		r.ok("make mutable", err)
		found, err := c.DescribeRepositories(r, &ecr.DescribeRepositoriesInput{RepositoryNames: []string{*name}})
		if r.ok("describe", err) {
			r.equal("mutability", found.Repositories[0].ImageTagMutability, "MUTABLE")
		}
		_, err = c.PutLifecyclePolicy(r, &ecr.PutLifecyclePolicyInput{RepositoryName: name, LifecyclePolicyText: aws.String(lifecycle)})
		r.ok("put a lifecycle policy", err)
		_, err = c.GetLifecyclePolicy(r, &ecr.GetLifecyclePolicyInput{RepositoryName: name})
		r.ok("get the lifecycle policy", err)
		images, err := c.ListImages(r, &ecr.ListImagesInput{RepositoryName: name})
		if r.ok("list images", err) {
			r.equal("images", len(images.ImageIds), 0)
		}
		_, err = c.DeleteRepository(r, &ecr.DeleteRepositoryInput{RepositoryName: name})
		r.ok("delete", err)
		_, err = c.DescribeRepositories(r, &ecr.DescribeRepositoriesInput{RepositoryNames: []string{*name}})
		r.fails("describe what is gone", err, "RepositoryNotFoundException")
	}},
	{"ecr", "tokens", func(r *run) {
		out, err := ecr.NewFromConfig(r.cfg).GetAuthorizationToken(r, &ecr.GetAuthorizationTokenInput{})
		if !r.ok("get", err) {
			return
		}
		plain, err := base64.StdEncoding.DecodeString(*out.AuthorizationData[0].AuthorizationToken)
		r.ok("decode", err)
		r.equal("user", strings.HasPrefix(string(plain), "AWS:"), true)
	}},
	{"ecr", "missing images", func(r *run) {
		c := ecr.NewFromConfig(r.cfg)
		name := aws.String("empty")
		_, err := c.CreateRepository(r, &ecr.CreateRepositoryInput{RepositoryName: name})
		r.ok("create", err)
		ids := []types.ImageIdentifier{{ImageTag: aws.String("v1")}}
		_, err = c.DescribeImages(r, &ecr.DescribeImagesInput{RepositoryName: name, ImageIds: ids})
		r.fails("describe", err, "ImageNotFoundException")
		got, err := c.BatchGetImage(r, &ecr.BatchGetImageInput{RepositoryName: name, ImageIds: ids})
		if r.ok("get", err) && len(got.Failures) == 1 {
			r.equal("failure", got.Failures[0].FailureCode, "ImageNotFound")
		} else {
			r.equal("failures", len(got.Failures), 1)
		}
		deleted, err := c.BatchDeleteImage(r, &ecr.BatchDeleteImageInput{RepositoryName: name, ImageIds: ids})
		if r.ok("delete", err) {
			r.equal("failures", len(deleted.Failures), 1)
		}
		_, err = c.ListImages(r, &ecr.ListImagesInput{RepositoryName: aws.String("no")})
		r.fails("list in a missing repository", err, "RepositoryNotFoundException")
	}},
	{"ecr", "layers and manifests", func(r *run) {
		c := ecr.NewFromConfig(r.cfg)
		name := aws.String("pushed")
		_, err := c.CreateRepository(r, &ecr.CreateRepositoryInput{RepositoryName: name})
		r.ok("create", err)
		layer := "sha256:" + strings.Repeat("0", 64)
		layers, err := c.BatchCheckLayerAvailability(r, &ecr.BatchCheckLayerAvailabilityInput{RepositoryName: name,
			LayerDigests: []string{layer}})
		if r.ok("check", err) && len(layers.Layers) == 1 {
			r.equal("availability", layers.Layers[0].LayerAvailability, "UNAVAILABLE")
		}
		_, err = c.PutImage(r, &ecr.PutImageInput{RepositoryName: name, ImageTag: aws.String("v1"), ImageManifest: aws.String(
			`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","layers":[],"config":{"mediaType":` +
				`"application/vnd.oci.image.config.v1+json","size":2,"digest":"` + layer + `"}}`)})
		r.fails("put without its layers", err, "LayersNotFoundException")
	}},
	{"ecr", "account settings", func(r *run) {
		c := ecr.NewFromConfig(r.cfg)
		name := aws.String("BLOB_MOUNTING")
		_, err := c.PutAccountSetting(r, &ecr.PutAccountSettingInput{Name: name, Value: aws.String("ENABLED")})
		r.ok("put", err)
		got, err := c.GetAccountSetting(r, &ecr.GetAccountSettingInput{Name: name})
		if r.ok("get", err) {
			r.equal("value", got.Value, "ENABLED")
		}
	}},
}
