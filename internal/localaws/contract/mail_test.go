package contract

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/aws/aws-sdk-go-v2/service/sesv2/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
)

// https://docs.aws.amazon.com/ses/latest/APIReference-V2/ and https://docs.aws.amazon.com/sns/latest/api/
var mailContracts = []contract{
	{"ses", "a mail gets an ID", func(r *run) {
		text := func(s string) *types.Content { return &types.Content{Data: &s} }
		c := sesv2.NewFromConfig(r.cfg)
		_, err := c.CreateEmailIdentity(r, &sesv2.CreateEmailIdentityInput{EmailIdentity: aws.String("a@example.com")})
		r.ok("verify the sender", err)
		out, err := c.SendEmail(r, &sesv2.SendEmailInput{FromEmailAddress: aws.String("a@example.com"),
			Destination: &types.Destination{ToAddresses: []string{"b@example.com"}},
			Content:     &types.EmailContent{Simple: &types.Message{Subject: text("s"), Body: &types.Body{Text: text("t")}}}})
		if r.ok("send", err) {
			r.equal("an ID", aws.ToString(out.MessageId) != "", true)
		}
	}},
	{"sns", "topics", func(r *run) {
		c := sns.NewFromConfig(r.cfg)
		made, err := c.CreateTopic(r, &sns.CreateTopicInput{Name: aws.String("deployments")})
		if !r.ok("create", err) {
			return
		}
		again, err := c.CreateTopic(r, &sns.CreateTopicInput{Name: aws.String("deployments")})
		if r.ok("create twice", err) {
			r.equal("arn", again.TopicArn, *made.TopicArn)
		}
		out, err := c.Publish(r, &sns.PublishInput{TopicArn: made.TopicArn, Message: aws.String("hello")})
		if r.ok("publish", err) {
			r.equal("an ID", aws.ToString(out.MessageId) != "", true)
		}
		list, err := c.ListTopics(r, &sns.ListTopicsInput{})
		if r.ok("list", err) {
			r.equal("topics", len(list.Topics), 1)
		}
		_, err = c.DeleteTopic(r, &sns.DeleteTopicInput{TopicArn: made.TopicArn})
		r.ok("delete", err)
		_, err = c.Publish(r, &sns.PublishInput{TopicArn: made.TopicArn, Message: aws.String("hello")})
		r.fails("publish to what is gone", err, "NotFound")
	}},
}
