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
