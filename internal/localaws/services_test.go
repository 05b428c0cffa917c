package localaws_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	sestypes "github.com/aws/aws-sdk-go-v2/service/sesv2/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/smithy-go"

	"github.com/org/shipkit/internal/localaws"
)

// code is the error code that AWS would have sent, empty without an error.
func code(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	if err != nil {
		return "not an API error: " + err.Error()
	}
	return ""
}

func TestConditionalWritesToS3(t *testing.T) {
	s := start(t, localaws.Options{})
	client := s3.NewFromConfig(s.Config())
	ctx := t.Context()
	if _, err := client.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String("locks")}); err != nil {
		t.Fatal(err)
	}
	put := func(body, match, noneMatch string) (string, error) {
		in := &s3.PutObjectInput{Bucket: aws.String("locks"), Key: aws.String("a/b c+d"), Body: strings.NewReader(body)}
		if match != "" {
			in.IfMatch = &match
		}
		if noneMatch != "" {
			in.IfNoneMatch = &noneMatch
		}
		out, err := client.PutObject(ctx, in)
		if err != nil {
			return "", err
		}
		return *out.ETag, nil
	}
	first, err := put("one", "", "*")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := put("two", "", "*"); code(err) != "PreconditionFailed" {
		t.Errorf("second If-None-Match: %v", err)
	}
	if _, err := put("three", first, ""); err != nil {
		t.Errorf("If-Match: %v", err)
	}
	if _, err := put("four", first, ""); code(err) != "PreconditionFailed" {
		t.Errorf("stale If-Match: %v", err)
	}
	got, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String("locks"), Key: aws.String("a/b c+d")})
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(got.Body)
	if !bytes.Equal(body, []byte("three")) {
		t.Errorf("body = %q", body)
	}
	list, err := client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: aws.String("locks"), Prefix: aws.String("a/")})
	if err != nil || len(list.Contents) != 1 || *list.Contents[0].Key != "a/b c+d" {
		t.Errorf("list = %+v, %v", list, err)
	}
	if _, err := client.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: aws.String("locks")}); code(err) != "BucketNotEmpty" {
		t.Errorf("delete a full bucket: %v", err)
	}
	if _, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String("locks"), Key: aws.String("x")}); code(err) != "NoSuchKey" {
		t.Errorf("get a missing key: %v", err)
	}
}

func TestMailReachesTheInbox(t *testing.T) {
	s := start(t, localaws.Options{})
	ctx := t.Context()
	text := func(s string) *sestypes.Content { return &sestypes.Content{Data: &s} }
	_, err := sesv2.NewFromConfig(s.Config()).SendEmail(ctx, &sesv2.SendEmailInput{
		FromEmailAddress: aws.String("shipkit@example.com"),
		Destination:      &sestypes.Destination{ToAddresses: []string{"ada@example.com"}},
		Content: &sestypes.EmailContent{Simple: &sestypes.Message{Subject: text("deployed"),
			Body: &sestypes.Body{Text: text("v2 is live")}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	topics := sns.NewFromConfig(s.Config())
	topic, err := topics.CreateTopic(ctx, &sns.CreateTopicInput{Name: aws.String("deployments")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := topics.Publish(ctx, &sns.PublishInput{TopicArn: topic.TopicArn, Message: aws.String("v2")}); err != nil {
		t.Fatal(err)
	}
	inbox := s.Mail.Inbox()
	if len(inbox) != 2 || inbox[0].Subject != "deployed" || inbox[0].To[0] != "ada@example.com" || inbox[1].Text != "v2" {
		t.Errorf("inbox = %+v", inbox)
	}
	_, err = topics.Publish(ctx, &sns.PublishInput{TopicArn: aws.String("arn:aws:sns:eu-west-1:111122223333:no"), Message: aws.String("x")})
	if code(err) != "NotFound" {
		t.Errorf("publish to a missing topic: %v", err)
	}
}
