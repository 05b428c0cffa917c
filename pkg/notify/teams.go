package notify

import "context"

// Teams tells a Microsoft Teams channel by the webhook of a workflow, with an
// Adaptive Card, https://adaptivecards.io/explorer/.
type Teams struct {
	Client  Doer
	Webhook string
}

// Name implements Channel.
func (Teams) Name() string { return "teams" }

var teamsColours = map[Status]string{Success: "Good", Failure: "Attention", Warning: "Warning", Info: "Default"}

// Send implements Channel.
func (t Teams) Send(ctx context.Context, m Message) error {
	type element = map[string]any
	body := []element{{
		"type": "TextBlock", "size": "Medium", "weight": "Bolder", "wrap": true,
		"text": clip(m.Status.Mark()+" "+m.Title, 300), "color": teamsColours[m.Status],
	}}
	if m.Text != "" {
		body = append(body, element{"type": "TextBlock", "wrap": true, "text": m.Text})
	}
	if len(m.Fields) > 0 {
		var facts []element
		for _, f := range m.Fields {
			facts = append(facts, element{"title": f.Name, "value": f.Value})
		}
		body = append(body, element{"type": "FactSet", "facts": facts})
	}
	card := element{
		"$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "type": "AdaptiveCard", "version": "1.4", "body": body,
	}
	if m.Link != "" {
		card["actions"] = []element{{"type": "Action.OpenUrl", "title": "Details", "url": m.Link}}
	}
	return post(ctx, t.Client, t.Webhook, element{
		"type":        "message",
		"attachments": []element{{"contentType": "application/vnd.microsoft.card.adaptive", "content": card}},
	}, nil)
}
