package ecsdeploy

import (
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/org/shipkit/pkg/progress"
)

// report sends one live line, and a milestone at every change of stage.
func (f *follower) report(s Snapshot) {
	event := progress.Event{
		Task: f.task(), Text: liveText(s), Left: f.left(s),
	}
	event.Milestone = s.Status != f.last.Status || s.Stage != f.last.Stage || s.New.Traffic != f.last.New.Traffic ||
		s.Failures > f.last.Failures
	event.Warn = goingBack(s.Status) && !goingBack(f.last.Status) || s.Failures > f.last.Failures
	f.progress.Send(event)
}

// left estimates the time to the end, 0 if there is nothing to go by: from the
// pace of the tasks so far, and the bake time that ECS is told to wait.
func (f *follower) left(s Snapshot) time.Duration {
	if s.Stage == types.ServiceDeploymentLifecycleStageBakeTime {
		if f.last.Stage != s.Stage {
			f.baking = time.Now()
		}
		return max(f.bake-time.Since(f.baking), 0)
	}
	if s.New.Running == 0 || s.New.Running >= s.New.Requested || goingBack(s.Status) {
		return 0
	}
	return time.Since(f.began)/time.Duration(s.New.Running)*time.Duration(s.New.Requested-s.New.Running) + f.bake
}

func liveText(s Snapshot) string {
	words := []string{strings.ToLower(strings.ReplaceAll(string(s.Status), "_", " "))}
	if s.Stage != "" {
		words = append(words, strings.ToLower(strings.ReplaceAll(string(s.Stage), "_", " ")))
	}
	words = append(words, fmt.Sprintf("new %d/%d running", s.New.Running, s.New.Requested))
	if s.New.Pending > 0 {
		words = append(words, fmt.Sprintf("%d pending", s.New.Pending))
	}
	words = append(words, fmt.Sprintf("old %d", s.Old.Running))
	if s.New.Traffic >= 0 {
		words = append(words, fmt.Sprintf("%g%% of the traffic", s.New.Traffic))
	}
	switch {
	case s.Failures > 0 && s.Threshold > 0:
		words = append(words, fmt.Sprintf("%d failed of %d allowed", s.Failures, s.Threshold))
	case s.Failures > 0:
		words = append(words, fmt.Sprintf("%d failed", s.Failures))
	}
	if goingBack(s.Status) && s.RollbackReason != "" {
		words = append(words, s.RollbackReason)
	}
	return strings.Join(words, ", ")
}

// compare warns if ECS runs another image than was asked for.
func (f *follower) compare(images map[string]string) {
	for container, image := range images {
		_, digest, _ := strings.Cut(image, "@")
		_, want, pinned := strings.Cut(f.image(container), "@")
		if pinned && digest != want && f.images[container].single() {
			f.progress.Warn(f.task(), fmt.Sprintf("container %s runs %s, not %s", container, digest, want))
		}
	}
}

func (f *follower) image(container string) string {
	if f.target == nil {
		return ""
	}
	return f.target.Image(container)
}
