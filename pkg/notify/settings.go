package notify

import (
	"net/mail"
	"net/url"

	"github.com/org/shipkit/pkg/diag"
)

// Settings say whom to tell and when. They are the same inputs, by their tags,
// in every action that tells.
type Settings struct {
	Level         string   `input:"level" oneof:"all,failure"`
	SlackWebhook  *url.URL `input:"slack-webhook" secret:"true"`
	TeamsWebhook  *url.URL `input:"teams-webhook" secret:"true"`
	WebhookURL    *url.URL `input:"webhook-url" secret:"true"`
	WebhookSecret string   `input:"webhook-secret" secret:"true"`
	EmailTo       []string `input:"email-to" sep:","`
	EmailFrom     string   `input:"email-from"`
	SMTPHost      string   `input:"smtp-host"`
	SMTPPort      int      `input:"smtp-port" min:"1" max:"65535"`
	SMTPTLS       string   `input:"smtp-tls" oneof:"starttls,tls,none"`
	SMTPUsername  string   `input:"smtp-username"`
	SMTPPassword  string   `input:"smtp-password" secret:"true"`
}

// Wants tells whether a message of a status is to be told.
func (s Settings) Wants(status Status) bool {
	return s.Level != "failure" || status == Failure || status == Warning
}

// Check finds what is wrong with the settings.
func (s Settings) Check() error {
	var problems diag.List
	for _, address := range s.EmailTo {
		if _, err := mail.ParseAddress(address); err != nil {
			problems.Errorf("write name@example.com", "input email-to: %q is not an address", address)
		}
	}
	if _, err := mail.ParseAddress(s.EmailFrom); err != nil && len(s.EmailTo) > 0 {
		problems.Errorf("write name@example.com", "input email-from: %q is not an address", s.EmailFrom)
	}
	if err := s.smtp().safe(); err != nil && len(s.EmailTo) > 0 && s.SMTPHost != "" {
		problems.Errorf("smtp-tls: starttls", "input smtp-tls: %v", err)
	}
	return problems.Err()
}

// Channels returns the channels that are named. ses gives Amazon SES, which
// e-mail goes by without a mail server; if it cannot be had, e-mail fails and
// the other channels are told all the same.
func (s Settings) Channels(ses func() (SESClient, error)) []Channel {
	var channels []Channel
	client := NewClient()
	if s.SlackWebhook != nil {
		channels = append(channels, Slack{Client: client, Webhook: s.SlackWebhook.String()})
	}
	if s.TeamsWebhook != nil {
		channels = append(channels, Teams{Client: client, Webhook: s.TeamsWebhook.String()})
	}
	if s.WebhookURL != nil {
		channels = append(channels, Webhook{Client: client, Address: s.WebhookURL.String(), Secret: s.WebhookSecret})
	}
	if len(s.EmailTo) == 0 {
		return channels
	}
	if s.SMTPHost != "" {
		return append(channels, s.smtp())
	}
	amazon, err := ses()
	return append(channels, SES{Client: amazon, From: s.EmailFrom, To: s.EmailTo, broken: err})
}

func (s Settings) smtp() SMTP {
	return SMTP{
		Host: s.SMTPHost, Port: s.SMTPPort, User: s.SMTPUsername, Password: s.SMTPPassword, TLS: s.SMTPTLS,
		From: s.EmailFrom, To: s.EmailTo,
	}
}
