package notify

import (
	"context"
	"strings"
)

// Slack tells a channel by an incoming webhook,
// https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks.
type Slack struct {
	Client  Doer
	Webhook string
}

// Name implements Channel.
func (Slack) Name() string { return "slack" }

// Slack's limits, https://docs.slack.dev/reference/block-kit/blocks.
const (
	slackHeader = 150
	slackText   = 3000
	slackFields = 10 // a section
)

type slackBlock map[string]any

// Send implements Channel.
func (s Slack) Send(ctx context.Context, m Message) error {
	title := m.Status.Mark() + " " + m.Title
	blocks := []slackBlock{{"type": "header", "text": slackBlock{"type": "plain_text", "text": clip(title, slackHeader)}}}
	if m.Text != "" {
		blocks = append(blocks, slackBlock{"type": "section", "text": mrkdwn(slackEscape(m.Text))})
	}
	for start := 0; start < len(m.Fields); start += slackFields {
		var fields []slackBlock
		for _, f := range m.Fields[start:min(start+slackFields, len(m.Fields))] {
			fields = append(fields, mrkdwn("*"+slackEscape(f.Name)+"*\n"+slackEscape(clip(f.Value, 1500))))
		}
		blocks = append(blocks, slackBlock{"type": "section", "fields": fields})
	}
	if m.Link != "" {
		link := mrkdwn("<" + slackEscape(m.Link) + "|Details>")
		blocks = append(blocks, slackBlock{"type": "context", "elements": []slackBlock{link}})
	}
	return post(ctx, s.Client, s.Webhook, map[string]any{"text": slackEscape(clip(title, slackText)), "blocks": blocks}, nil)
}

func mrkdwn(text string) slackBlock {
	return slackBlock{"type": "mrkdwn", "text": clip(text, slackText)}
}

// slackEscape keeps a text from mentioning people or making links,
// https://docs.slack.dev/messaging/formatting-message-text#escaping.
func slackEscape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}
