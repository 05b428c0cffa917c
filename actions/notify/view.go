package notify

import (
	"fmt"
	"strings"

	"github.com/org/shipkit/pkg/notify"
)

func deliveryText(d notify.Delivery) string {
	if d.Err == nil {
		return d.Channel + ": told"
	}
	return fmt.Sprintf("%s: not told after %d attempts", d.Channel, d.Attempts)
}

func planText(m notify.Message, channels []notify.Channel) string {
	names := make([]string, len(channels))
	for i, c := range channels {
		names[i] = c.Name()
	}
	lines := []string{"dry run: " + strings.Join(names, ", ") + " would be told", m.Status.Mark() + " " + m.Title}
	if m.Text != "" {
		lines = append(lines, m.Text)
	}
	for _, f := range m.Fields {
		lines = append(lines, f.Name+": "+f.Value)
	}
	return strings.Join(append(lines, m.Link), "\n")
}
