package notify_test

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/org/shipkit/internal/notifytest"
	"github.com/org/shipkit/pkg/notify"
)

func smtp(sink *notifytest.Mail, tls string) notify.SMTP {
	return notify.SMTP{
		Host: "127.0.0.1", Port: sink.Port, TLS: tls, Roots: sink.Roots, From: "deploy@example.com", To: []string{"a@example.com", "b@example.com"},
	}
}

func TestSMTP(t *testing.T) {
	password := base64.StdEncoding.EncodeToString([]byte("\x00deploy\x00SECRETPASS"))
	for _, tls := range []string{"none", "starttls", "tls"} {
		sink := notifytest.NewMail(t, notifytest.MailOptions{TLS: strings.TrimPrefix(tls, "none")})
		mail := smtp(sink, tls)
		if tls != "none" {
			mail.User, mail.Password = "deploy", "SECRETPASS"
		}
		if err := mail.Send(t.Context(), message); err != nil {
			t.Errorf("%s: %v", tls, err)
			continue
		}
		got := sink.Text()
		for _, want := range []string{"RCPT TO:<a@example.com>", "RCPT TO:<b@example.com>", "text/plain", "text/html", "Environment: production", "&lt;b&gt;v2&lt;/b&gt;"} {
			if !strings.Contains(got, want) {
				t.Errorf("%s: no %q in\n%s", tls, want, got)
			}
		}
		if secured := tls != "none"; sink.Secured() != secured || strings.Contains(got, "AUTH PLAIN "+password) != secured {
			t.Errorf("%s: secured %t:\n%s", tls, sink.Secured(), got)
		}
	}
}

// A certificate that is not to be trusted ends it before anything is sent: no
// second attempt makes it better.
func TestSMTPCertificateRefused(t *testing.T) {
	for _, tls := range []string{"starttls", "tls"} {
		for name, change := range map[string]func(*notify.SMTP){
			"unknown authority": func(m *notify.SMTP) { m.Roots = nil },
			"not localhost":     func(m *notify.SMTP) { m.Host = "localhost" },
		} {
			sink := notifytest.NewMail(t, notifytest.MailOptions{TLS: tls})
			mail := smtp(sink, tls)
			mail.User, mail.Password = "deploy", "SECRETPASS"
			change(&mail)
			err := mail.Send(t.Context(), message)
			var again *notify.TemporaryError
			if err == nil || errors.As(err, &again) || !strings.Contains(err.Error(), "its certificate is refused, and nothing was sent: x509: ") {
				t.Errorf("%s, %s: %v", tls, name, err)
			}
			if got := sink.Text(); strings.Contains(got, "AUTH ") || strings.Contains(got, "MAIL FROM") {
				t.Errorf("%s, %s: the server got\n%s", tls, name, got)
			}
		}
	}
}

// Without TLS a password goes to this machine at most, and with starttls a
// server that offers none gets neither password nor message.
func TestSMTPKeepsThePassword(t *testing.T) {
	sink := notifytest.NewMail(t, notifytest.MailOptions{})
	for name, mail := range map[string]notify.SMTP{
		"would get the password without TLS": {Host: "mail.example.com", Port: sink.Port, TLS: "none", User: "u"},
		"STARTTLS":                           {Host: "127.0.0.1", Port: sink.Port, TLS: "starttls", User: "u"},
	} {
		mail.From, mail.To, mail.Password = "deploy@example.com", []string{"a@example.com"}, "SECRETPASS"
		err := mail.Send(t.Context(), message)
		if err == nil || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "SECRETPASS") {
			t.Errorf("%s: %v", name, err)
		}
		settings := notify.Settings{
			SMTPHost: mail.Host, SMTPTLS: mail.TLS, SMTPUsername: "u", EmailTo: mail.To, EmailFrom: mail.From,
		}
		if err := settings.Check(); (err != nil) != (mail.TLS == "none") {
			t.Errorf("%s: settings: %v", name, err)
		}
	}
	if got := sink.Text(); strings.Contains(got, "AUTH ") || strings.Contains(got, "MAIL FROM") {
		t.Errorf("the server got\n%s", got)
	}
}

func TestSMTPRefusals(t *testing.T) {
	for refusal, temporary := range map[string]bool{"450 4.2.1 try later": true, "550 5.1.1 no such user": false} {
		sink := notifytest.NewMail(t, notifytest.MailOptions{Refusal: refusal})
		err := smtp(sink, "none").Send(t.Context(), message)
		var again *notify.TemporaryError
		if err == nil || errors.As(err, &again) != temporary {
			t.Errorf("%s: %v, want temporary: %t", refusal, err, temporary)
		}
	}
	mail := smtp(notifytest.NewMail(t, notifytest.MailOptions{}), "none")
	mail.From = "not an address"
	if err := mail.Send(t.Context(), message); err == nil {
		t.Error("an address that is none is taken")
	}
}

// A title cannot add header fields to an e-mail.
func TestSMTPHeadersAreSafe(t *testing.T) {
	sink := notifytest.NewMail(t, notifytest.MailOptions{})
	evil := notify.Message{Title: "fine\r\nBcc: victim@example.com\r\n\r\nbody"}
	if err := smtp(sink, "none").Send(t.Context(), evil); err != nil {
		t.Fatal(err)
	}
	header, _, _ := strings.Cut(sink.Text(), "\n\n")
	for line := range strings.Lines(header) {
		if strings.HasPrefix(line, "Bcc:") {
			t.Errorf("the title made a header field:\n%s", header)
		}
	}
}
