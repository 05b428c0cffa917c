package notify

import (
	"context"
	"maps"
	"net/mail"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/org/shipkit/pkg/action"
	"github.com/org/shipkit/pkg/awsclient"
	"github.com/org/shipkit/pkg/diag"
	"github.com/org/shipkit/pkg/notify"
)

type inputs struct {
	Status            string            `input:"status" oneof:"success,failure,warning,info,cancelled,skipped"`
	Level             string            `input:"level" oneof:"all,failure"`
	Title             string            `input:"title"`
	Text              string            `input:"text"`
	Fields            []action.KeyValue `input:"fields"`
	Link              *url.URL          `input:"link"`
	SlackWebhook      *url.URL          `input:"slack-webhook" secret:"true"`
	TeamsWebhook      *url.URL          `input:"teams-webhook" secret:"true"`
	WebhookURL        *url.URL          `input:"webhook-url" secret:"true"`
	WebhookSecret     string            `input:"webhook-secret" secret:"true"`
	EmailTo           []string          `input:"email-to" sep:","`
	EmailFrom         string            `input:"email-from"`
	SMTPHost          string            `input:"smtp-host"`
	SMTPPort          int               `input:"smtp-port" min:"1" max:"65535"`
	SMTPTLS           string            `input:"smtp-tls" oneof:"starttls,tls,none"`
	SMTPUsername      string            `input:"smtp-username"`
	SMTPPassword      string            `input:"smtp-password" secret:"true"`
	AWSRegion         string            `input:"aws-region"`
	ExpectedAccountID string            `input:"expected-account-id"`
	Timeout           time.Duration     `input:"timeout" min:"1s" max:"10m"`
	Environment       string            `input:"environment"`
	Config            string            `input:"config"`
	DryRun            bool              `input:"dry-run"`
}

// statuses are those of a message for those of a job.
var statuses = map[string]notify.Status{
	"success": notify.Success, "failure": notify.Failure, "warning": notify.Warning, "info": notify.Info,
	"cancelled": notify.Warning, "skipped": notify.Info,
}

// message renders the templates.
func (in inputs) message(gh action.GitHub) (notify.Message, error) {
	values := map[string]string{
		"status": in.Status, "repository": gh.Repository, "ref": gh.RefName, "commit": gh.SHA, "actor": gh.Actor, "run": gh.RunURL,
	}
	message := notify.Message{Status: statuses[in.Status], Link: gh.RunURL}
	if in.Link != nil {
		message.Link = in.Link.String()
	}
	for _, f := range in.Fields {
		values[f.Key] = f.Value
		if f.Value != "" {
			message.Fields = append(message.Fields, notify.Field{Name: f.Key, Value: f.Value})
		}
	}
	var problems diag.List
	for _, text := range []struct {
		input, source string
		target        *string
	}{{"title", in.Title, &message.Title}, {"text", in.Text, &message.Text}} {
		rendered, err := notify.Render(text.source, values)
		if err != nil {
			problems.Errorf("use {{.name}} with one of "+strings.Join(slices.Sorted(maps.Keys(values)), ", "),
				"input %s is %q: %s", text.input, text.source, err)
		}
		*text.target = rendered
	}
	return message, problems.Err()
}

// channels builds the channels that the inputs name.
func (in inputs) channels(ctx context.Context) ([]notify.Channel, error) {
	var channels []notify.Channel
	client := notify.NewClient()
	if in.SlackWebhook != nil {
		channels = append(channels, notify.Slack{Client: client, Webhook: in.SlackWebhook.String()})
	}
	if in.TeamsWebhook != nil {
		channels = append(channels, notify.Teams{Client: client, Webhook: in.TeamsWebhook.String()})
	}
	if in.WebhookURL != nil {
		channels = append(channels, notify.Webhook{Client: client, Address: in.WebhookURL.String(), Secret: in.WebhookSecret})
	}
	if err := in.checkMail(); err != nil {
		return nil, err
	}
	if len(in.EmailTo) > 0 {
		channels = append(channels, in.mail(ctx))
	}
	if len(channels) == 0 && in.Environment == "" {
		var problems diag.List
		problems.Errorf("set slack-webhook, teams-webhook, webhook-url or email-to", "no channel is given")
		return nil, problems
	}
	return channels, nil
}

func (in inputs) checkMail() error {
	var problems diag.List
	for _, address := range in.EmailTo {
		if _, err := mail.ParseAddress(address); err != nil {
			problems.Errorf("write name@example.com", "input email-to: %q is not an address", address)
		}
	}
	if _, err := mail.ParseAddress(in.EmailFrom); err != nil && len(in.EmailTo) > 0 {
		problems.Errorf("write name@example.com", "input email-from: %q is not an address", in.EmailFrom)
	}
	return problems.Err()
}

// mail chooses the mail server, or Amazon SES without one.
func (in inputs) mail(ctx context.Context) notify.Channel {
	if in.SMTPHost != "" {
		return notify.SMTP{
			Host: in.SMTPHost, Port: in.SMTPPort, User: in.SMTPUsername, Password: in.SMTPPassword, TLS: in.SMTPTLS,
			From: in.EmailFrom, To: in.EmailTo,
		}
	}
	config, err := awsclient.Load(ctx, awsclient.Options{Region: in.AWSRegion, ExpectedAccountID: in.ExpectedAccountID})
	if err != nil {
		return broken{err}
	}
	return notify.SES{Client: sesv2.NewFromConfig(config), From: in.EmailFrom, To: in.EmailTo}
}

// broken is e-mail without credentials: the other channels are told all the same.
type broken struct{ err error }

func (broken) Name() string { return "e-mail" }

func (b broken) Send(context.Context, notify.Message) error { return b.err }
