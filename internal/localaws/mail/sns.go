package mail

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"

	"github.com/org/shipkit/internal/localaws/wire"
)

var topicName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,256}(\.fifo)?$`)

type topic struct{ scope, arn string }

// CreateTopic makes a topic; one that is there already is returned.
func (s *Service) CreateTopic(ctx context.Context, in *sns.CreateTopicInput) (*sns.CreateTopicOutput, error) {
	id, name := wire.Caller(ctx), aws.ToString(in.Name)
	if !topicName.MatchString(name) {
		return nil, wire.Errorf("InvalidParameter", 400, "Invalid parameter: Topic Name")
	}
	arn := id.Resource("sns", name)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.topics[arn] = &topic{id.Scope(), arn}
	return &sns.CreateTopicOutput{TopicArn: &arn}, nil
}

// DeleteTopic removes a topic, and does not mind if it is not there.
func (s *Service) DeleteTopic(_ context.Context, in *sns.DeleteTopicInput) (*sns.DeleteTopicOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.topics, aws.ToString(in.TopicArn))
	return &sns.DeleteTopicOutput{}, nil
}

// ListTopics lists the caller's topics.
func (s *Service) ListTopics(ctx context.Context, _ *sns.ListTopicsInput) (*sns.ListTopicsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := &sns.ListTopicsOutput{Topics: []types.Topic{}}
	for _, t := range s.topics {
		if t.scope == wire.Caller(ctx).Scope() {
			out.Topics = append(out.Topics, types.Topic{TopicArn: &t.arn})
		}
	}
	slices.SortFunc(out.Topics, func(a, b types.Topic) int { return strings.Compare(*a.TopicArn, *b.TopicArn) })
	return out, nil
}

// Publish delivers a message to the inbox.
func (s *Service) Publish(_ context.Context, in *sns.PublishInput) (*sns.PublishOutput, error) {
	arn := aws.ToString(in.TopicArn)
	if arn == "" {
		arn = aws.ToString(in.TargetArn)
	}
	if aws.ToString(in.Message) == "" {
		return nil, wire.Errorf("InvalidParameter", 400, "Invalid parameter: Empty message")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.topics[arn] == nil {
		return nil, wire.Errorf("NotFound", 404, "Topic does not exist")
	}
	return &sns.PublishOutput{MessageId: s.deliver(Message{Topic: arn, Subject: aws.ToString(in.Subject), Text: *in.Message})}, nil
}
