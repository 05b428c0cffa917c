package mail

import (
	"bytes"
	"context"
	"net/mail"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/aws/aws-sdk-go-v2/service/sesv2/types"

	"github.com/org/shipkit/internal/localaws/wire"
)

// CreateEmailIdentity verifies any address or domain at once. Local AWS sends from unverified ones too.
func (s *Service) CreateEmailIdentity(_ context.Context, in *sesv2.CreateEmailIdentityInput) (*sesv2.CreateEmailIdentityOutput, error) {
	kind := types.IdentityTypeDomain
	if strings.Contains(aws.ToString(in.EmailIdentity), "@") {
		kind = types.IdentityTypeEmailAddress
	}
	return &sesv2.CreateEmailIdentityOutput{IdentityType: kind, VerifiedForSendingStatus: true}, nil
}

// SendEmail delivers a simple or a raw message to the inbox. Identities are not verified.
func (s *Service) SendEmail(_ context.Context, in *sesv2.SendEmailInput) (*sesv2.SendEmailOutput, error) {
	m, err := read(in)
	if err != nil {
		return nil, err
	}
	if _, err := mail.ParseAddress(m.From); err != nil {
		return nil, refused("Missing or malformed From address: %q", m.From)
	}
	if len(m.To) == 0 {
		return nil, refused("Missing destination.")
	}
	for _, to := range m.To {
		if _, err := mail.ParseAddress(to); err != nil {
			return nil, refused("Missing or malformed destination: %q", to)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return &sesv2.SendEmailOutput{MessageId: s.deliver(m)}, nil
}

func read(in *sesv2.SendEmailInput) (Message, error) {
	m := Message{From: aws.ToString(in.FromEmailAddress)}
	if d := in.Destination; d != nil {
		m.To = slices.Concat(d.ToAddresses, d.CcAddresses, d.BccAddresses)
	}
	switch {
	case in.Content != nil && in.Content.Simple != nil:
		err := m.readSimple(in.Content.Simple)
		return m, err
	case in.Content != nil && in.Content.Raw != nil:
		return m.readRaw(in.Content.Raw.Data)
	}
	return m, refused("local AWS sends simple and raw content only.")
}

func (m *Message) readSimple(c *types.Message) error {
	if c.Subject == nil || c.Body == nil || c.Body.Text == nil && c.Body.Html == nil {
		return refused("A simple message needs a subject and a body.")
	}
	m.Subject = aws.ToString(c.Subject.Data)
	if c.Body.Text != nil {
		m.Text = aws.ToString(c.Body.Text.Data)
	}
	if c.Body.Html != nil {
		m.HTML = aws.ToString(c.Body.Html.Data)
	}
	return nil
}

// readRaw takes the addresses from the MIME headers where the request has none.
func (m Message) readRaw(data []byte) (Message, error) {
	parsed, err := mail.ReadMessage(bytes.NewReader(data))
	if err != nil {
		return m, refused("The raw message is not valid MIME: %v", err)
	}
	m.Raw, m.Subject = data, parsed.Header.Get("Subject")
	if m.From == "" {
		m.From = parsed.Header.Get("From")
	}
	if len(m.To) > 0 {
		return m, nil
	}
	for _, field := range []string{"To", "Cc", "Bcc"} {
		list, _ := parsed.Header.AddressList(field) // absent, mostly; SendEmail refuses a message to nobody
		for _, a := range list {
			m.To = append(m.To, a.Address)
		}
	}
	return m, nil
}

func refused(format string, args ...any) error {
	return wire.Errorf("BadRequestException", 400, format, args...)
}
