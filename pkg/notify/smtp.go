package notify

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/wneessen/go-mail"
)

// SMTP sends e-mail by a mail server.
type SMTP struct {
	Host string
	Port int
	// User and Password authenticate if User is not empty.
	User, Password string
	// TLS is "starttls" (required), "tls" (from the first byte) or "none".
	TLS  string
	From string
	To   []string
}

// Name implements Channel.
func (SMTP) Name() string { return "e-mail" }

// Send implements Channel.
func (s SMTP) Send(ctx context.Context, m Message) error {
	message := mail.NewMsg()
	if err := errors.Join(message.From(s.From), message.To(s.To...)); err != nil {
		return fmt.Errorf("write the e-mail: %w", err)
	}
	message.Subject(m.subject())
	message.SetDate()
	message.SetMessageID()
	message.SetBodyString(mail.TypeTextPlain, m.plain())
	message.AddAlternativeString(mail.TypeTextHTML, m.html())
	client, err := mail.NewClient(s.Host, s.options()...)
	if err != nil {
		return fmt.Errorf("reach the mail server %s: %w", s.Host, err)
	}
	if err := client.DialAndSendWithContext(ctx, message); err != nil {
		return s.explain(err)
	}
	return nil
}

func (s SMTP) options() []mail.Option {
	options := []mail.Option{mail.WithPort(s.Port), mail.WithTimeout(15 * time.Second)}
	switch s.TLS {
	case "tls":
		options = append(options, mail.WithSSL())
	case "none":
		options = append(options, mail.WithTLSPolicy(mail.NoTLS))
	default:
		options = append(options, mail.WithTLSPolicy(mail.TLSMandatory))
	}
	if s.User != "" {
		options = append(options, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover),
			mail.WithUsername(s.User), mail.WithPassword(s.Password))
	}
	return options
}

// explain takes the password out of what a server echoes. What is not a
// permanent answer of the server (RFC 5321 section 4.2.1, 5yz) can heal.
func (s SMTP) explain(err error) error {
	text := printable(err.Error())
	if s.Password != "" {
		text = strings.ReplaceAll(text, s.Password, "***")
	}
	shown := fmt.Errorf("send by the mail server %s: %s", s.Host, text)
	var sending *mail.SendError
	if errors.As(err, &sending) && !sending.IsTemp() && sending.ErrorCode() >= 500 {
		return shown
	}
	if strings.Contains(text, "535 ") || strings.Contains(text, "AUTH") {
		return shown
	}
	return &TemporaryError{Err: shown}
}
