package ecsdeploy

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// troubled are words of service events that tell of trouble; the others only
// narrate.
var troubled = []string{"unable to", "failed", "unhealthy", "reached steady state false", "throttl"}

// maxTrouble is how many different events a reader wants.
const maxTrouble = 10

// trouble is a message of the service, and how often it came for whichever
// task.
type trouble struct {
	text  string
	count int
}

var taskID = regexp.MustCompile(` ?\(task [^)]*\)`)

// events counts new messages of the service that tell of trouble and returns
// those that were not seen before.
func (f *follower) events(service types.Service) (fresh []string) {
	for _, event := range slices.Backward(service.Events) {
		message := aws.ToString(event.Message)
		if deref(event.CreatedAt).Before(f.since) || f.seen[aws.ToString(event.Id)] {
			continue
		}
		f.seen[aws.ToString(event.Id)] = true
		if !slices.ContainsFunc(troubled, func(word string) bool { return strings.Contains(message, word) }) {
			continue
		}
		text := taskID.ReplaceAllString(message, "")
		i := slices.IndexFunc(f.trouble, func(t trouble) bool { return t.text == text })
		if i >= 0 {
			f.trouble[i].count++
			continue
		}
		fresh = append(fresh, text)
		f.trouble = append(f.trouble, trouble{text, 1})
	}
	if extra := len(f.trouble) - maxTrouble; extra > 0 {
		f.trouble = f.trouble[extra:]
	}
	return fresh
}

// unplaced is the cause of a deployment whose tasks never came to be: only the
// events tell of it.
func (f *follower) unplaced() (Cause, bool) {
	for _, t := range slices.Backward(f.trouble) {
		if strings.Contains(t.text, "unable to place a task") {
			c := Cause{Kind: KindCapacity, Reason: eventText(t.text)}
			c.Sentence, c.Try = explain(c, "")
			if strings.Contains(t.text, "already using a port") {
				c.Sentence = "no instance of the cluster has the host port free that a task requires"
				c.Try = "let ECS choose the host port (hostPort 0), or lower minimumHealthyPercent so that an old task makes room"
			}
			return c, true
		}
	}
	return Cause{}, false
}

// eventText is an event without the name of its service and the pointer to the
// manual.
func eventText(event string) string {
	if _, text, ok := strings.Cut(event, ") "); ok && strings.HasPrefix(event, "(service ") {
		event = text
	}
	text, _, _ := strings.Cut(event, " For more information, see the Troubleshooting section")
	return text
}

// troubles are the messages for people.
func (f *follower) troubles() []string {
	var texts []string
	for _, t := range f.trouble {
		if t.count > 1 {
			t.text += fmt.Sprintf(" (%d times)", t.count)
		}
		texts = append(texts, t.text)
	}
	return texts
}
