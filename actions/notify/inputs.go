package notify

import (
	"context"
	"maps"
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
	Title             string            `input:"title"`
	Text              string            `input:"text"`
	Fields            []action.KeyValue `input:"fields"`
	Link              *url.URL          `input:"link"`
	AWSRegion         string            `input:"aws-region"`
	ExpectedAccountID string            `input:"expected-account-id"`
	Timeout           time.Duration     `input:"timeout" min:"1s" max:"10m"`
	Environment       string            `input:"environment"`
	Config            string            `input:"config"`
	DryRun            bool              `input:"dry-run"`

	notify.Settings
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
	if err := in.Check(); err != nil {
		return nil, err //nolint:wrapcheck // it names the inputs
	}
	channels := in.Channels(func() (notify.SESClient, error) {
		config, err := awsclient.Load(ctx, awsclient.Options{Region: in.AWSRegion, ExpectedAccountID: in.ExpectedAccountID})
		if err != nil {
			return nil, err
		}
		return sesv2.NewFromConfig(config), nil
	})
	if len(channels) == 0 && in.Environment == "" {
		var problems diag.List
		problems.Errorf("set slack-webhook, teams-webhook, webhook-url or email-to", "no channel is given")
		return nil, problems
	}
	return channels, nil
}
