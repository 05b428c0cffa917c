package notify

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/aws/aws-sdk-go-v2/service/sesv2/types"
)

// SESClient is what SES needs of Amazon SES.
type SESClient interface {
	SendEmail(ctx context.Context, in *sesv2.SendEmailInput, options ...func(*sesv2.Options)) (*sesv2.SendEmailOutput, error)
}

var _ SESClient = (*sesv2.Client)(nil)

// SES sends e-mail by Amazon SES. The client retries by itself.
// https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html
type SES struct {
	Client SESClient
	From   string
	To     []string

	broken error // why there is no client
}

// Name implements Channel.
func (SES) Name() string { return "e-mail" }

// Send implements Channel.
func (s SES) Send(ctx context.Context, m Message) error {
	if s.broken != nil {
		return s.broken
	}
	text := func(s string) *types.Content {
		return &types.Content{Data: aws.String(s), Charset: aws.String("UTF-8")}
	}
	_, err := s.Client.SendEmail(ctx, &sesv2.SendEmailInput{
		FromEmailAddress: aws.String(s.From),
		Destination:      &types.Destination{ToAddresses: s.To},
		Content: &types.EmailContent{Simple: &types.Message{
			Subject: text(m.subject()), Body: &types.Body{Text: text(m.plain()), Html: text(m.html())},
		}},
	})
	if err != nil {
		return fmt.Errorf("send by Amazon SES: %w", err)
	}
	return nil
}
