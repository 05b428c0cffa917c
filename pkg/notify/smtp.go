package notify

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
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
	// Roots are the authorities that the server's certificate may come from;
	// nil means the system's.
	Roots *x509.CertPool
}

// Name implements Channel.
func (SMTP) Name() string { return "e-mail" }

// Send implements Channel.
func (s SMTP) Send(ctx context.Context, m Message) error {
	if err := s.safe(); err != nil {
		return err
	}
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

// safe refuses a password that anybody between here and there could read.
func (s SMTP) safe() error {
	if s.TLS != "none" || s.User == "" || s.Host == "localhost" {
		return nil
	}
	if address := net.ParseIP(s.Host); address != nil && address.IsLoopback() {
		return nil
	}
	return fmt.Errorf("the mail server %s would get the password without TLS", s.Host)
}

func (s SMTP) options() []mail.Option {
	options := []mail.Option{mail.WithPort(s.Port), mail.WithTimeout(15 * time.Second), mail.WithTLSConfig(&tls.Config{
		ServerName: s.Host, RootCAs: s.Roots, MinVersion: tls.VersionTLS12,
	})}
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

// untrusted says what is wrong with the certificate of the server; "" if that
// is not why sending failed.
func untrusted(err error) string {
	var refused *tls.CertificateVerificationError
	if !errors.As(err, &refused) {
		return ""
	}
	return "its certificate is refused, and nothing was sent: " + printable(refused.Err.Error())
}

// explain takes the password out of what a server echoes. What is not a
// permanent answer of the server (RFC 5321 section 4.2.1, 5yz) can heal.
func (s SMTP) explain(err error) error {
	text := printable(err.Error())
	if s.Password != "" {
		text = strings.ReplaceAll(text, s.Password, "***")
	}
	if why := untrusted(err); why != "" {
		return fmt.Errorf("send by the mail server %s: %s", s.Host, why)
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
