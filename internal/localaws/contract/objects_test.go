package contract

import (
	"io"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
var objects = []contract{
	{"s3", "conditional writes", func(r *run) {
		c := s3.NewFromConfig(r.cfg, func(o *s3.Options) { o.UsePathStyle = true })
		bucket, key := aws.String("locks-of-ours"), aws.String("a/b c+d")
		_, err := c.CreateBucket(r, &s3.CreateBucketInput{Bucket: bucket, CreateBucketConfiguration: &types.CreateBucketConfiguration{
			LocationConstraint: "eu-west-1"}})
		r.ok("create the bucket", err)
		_, err = c.HeadBucket(r, &s3.HeadBucketInput{Bucket: bucket})
		r.ok("head the bucket", err)
		first, err := c.PutObject(r, &s3.PutObjectInput{Bucket: bucket, Key: key, Body: strings.NewReader("one"), IfNoneMatch: aws.String("*")})
		if !r.ok("first put", err) {
			return
		}
		_, err = c.PutObject(r, &s3.PutObjectInput{Bucket: bucket, Key: key, Body: strings.NewReader("two"), IfNoneMatch: aws.String("*")})
		r.fails("second put", err, "PreconditionFailed")
		_, err = c.PutObject(r, &s3.PutObjectInput{Bucket: bucket, Key: key, Body: strings.NewReader("three"), IfMatch: first.ETag})
		r.ok("put if it is as it was", err)
		_, err = c.PutObject(r, &s3.PutObjectInput{Bucket: bucket, Key: key, Body: strings.NewReader("four"), IfMatch: first.ETag})
		r.fails("put if it is no more as it was", err, "PreconditionFailed")
		got, err := c.GetObject(r, &s3.GetObjectInput{Bucket: bucket, Key: key})
		if r.ok("get", err) {
			body, err := io.ReadAll(got.Body)
			r.ok("read", err)
			r.equal("body", string(body), "three")
		}
		head, err := c.HeadObject(r, &s3.HeadObjectInput{Bucket: bucket, Key: key})
		if r.ok("head", err) {
			r.equal("length", head.ContentLength, 5)
		}
	}},
	{"s3", "lists and missing things", func(r *run) {
		c := s3.NewFromConfig(r.cfg, func(o *s3.Options) { o.UsePathStyle = true })
		bucket := aws.String("lists-of-ours")
		_, err := c.CreateBucket(r, &s3.CreateBucketInput{Bucket: bucket, CreateBucketConfiguration: &types.CreateBucketConfiguration{
			LocationConstraint: "eu-west-1"}})
		r.ok("create the bucket", err)
		for _, key := range []string{"a/1", "a/2", "a/3", "b"} {
			_, err := c.PutObject(r, &s3.PutObjectInput{Bucket: bucket, Key: aws.String(key), Body: strings.NewReader(key)})
			r.ok("put "+key, err)
		}
		var keys []string
		pages := s3.NewListObjectsV2Paginator(c, &s3.ListObjectsV2Input{Bucket: bucket, Prefix: aws.String("a/"), MaxKeys: aws.Int32(2)})
		for pages.HasMorePages() {
			out, err := pages.NextPage(r)
			if !r.ok("list", err) {
				break
			}
			for _, o := range out.Contents {
				keys = append(keys, *o.Key)
			}
		}
		r.equal("keys", keys, []string{"a/1", "a/2", "a/3"})
		_, err = c.DeleteBucket(r, &s3.DeleteBucketInput{Bucket: bucket})
		r.fails("delete a full bucket", err, "BucketNotEmpty")
		_, err = c.DeleteObject(r, &s3.DeleteObjectInput{Bucket: bucket, Key: aws.String("no")})
		r.ok("delete a missing key", err)
		for _, key := range []string{"a/1", "a/2", "a/3", "b"} {
			_, err := c.DeleteObject(r, &s3.DeleteObjectInput{Bucket: bucket, Key: aws.String(key)})
			r.ok("delete "+key, err)
		}
		_, err = c.GetObject(r, &s3.GetObjectInput{Bucket: bucket, Key: aws.String("b")})
		r.fails("get a missing key", err, "NoSuchKey")
		_, err = c.HeadObject(r, &s3.HeadObjectInput{Bucket: bucket, Key: aws.String("b")})
		r.fails("head a missing key", err, "NotFound")
		_, err = c.DeleteBucket(r, &s3.DeleteBucketInput{Bucket: bucket})
		r.ok("delete the bucket", err)
		_, err = c.ListObjectsV2(r, &s3.ListObjectsV2Input{Bucket: bucket})
		r.fails("list a missing bucket", err, "NoSuchBucket")
	}},
}
