package ecs

import (
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// replace brings the primary deployment to its desired count and stops the tasks of all others, within the bounds of
// minimum and maximum percent. It reports whether that is done.
func (s *Service) replace(svc *service, primary *deployment) (done bool) {
	primary.desired = svc.settings.desired
	low, high := svc.bounds()
	s.scaleDown(primary, primary.desired)
	total := 0
	for _, t := range svc.tasks() {
		if t.live() {
			total++
		}
	}
	missing := primary.desired - primary.count((*task).live)
	s.scaleUp(primary, min(missing, high-total))

	healthy := 0
	for _, t := range svc.tasks() {
		if t.running() && t.steady {
			healthy++
		}
	}
	// Tasks that do not serve can go at once; those that do, as long as enough others do.
	spare := healthy - low
	for _, d := range svc.live {
		if d == primary {
			continue
		}
		d.desired = 0
		spare = s.retire(d, spare)
	}
	done = primary.count(func(t *task) bool { return t.running() && t.steady }) == primary.desired
	for _, t := range svc.tasks() {
		done = done && t.dep == primary && t.live()
	}
	if done && !svc.steady {
		svc.steady = true
		svc.event(s.Clock.Now(), "has reached a steady state.")
	}
	return done
}

// scaleUp starts up to n tasks of a deployment.
func (s *Service) scaleUp(d *deployment, n int) {
	svc := d.service
	if n <= 0 || s.Clock.Now().Before(svc.next) {
		return
	}
	svc.steady = false
	group := "service:" + svc.name
	var started []string
	for range n {
		if s.noCapacity(group, d.rev.def) {
			svc.event(s.Clock.Now(), "was unable to place a task. Reason: %s. For more information, see the Troubleshooting section "+
				"of the Amazon ECS Developer Guide.", noCapacity)
			s.failed(svc, d)
			break
		}
		t := s.newTask(svc.cluster, d.rev.def)
		t.dep, t.group, t.startedBy = d, group, d.id
		t.network, t.launch = svc.settings.network, svc.settings.launch
		if svc.settings.propagate == types.PropagateTagsService {
			t.tags = svc.tags
		}
		started = append(started, fmt.Sprintf("(task %s)", t.id))
		s.launch(t)
	}
	if len(started) > 0 {
		svc.event(s.Clock.Now(), "has started %d tasks: %s.", len(started), strings.Join(started, " "))
	}
}

// scaleDown stops what a deployment has too much: first tasks that are not healthy, then the newest.
func (s *Service) scaleDown(d *deployment, keep int) {
	extra := d.count((*task).live) - keep
	tasks := d.tasks()
	for _, healthy := range []bool{false, true} {
		for i := len(tasks) - 1; i >= 0 && extra > 0; i-- {
			if t := tasks[i]; t.live() && t.steady == healthy {
				s.scaleAway(t)
				extra--
			}
		}
	}
}

// retire stops tasks of a deployment that is being replaced: all that do not serve, and at most spare that do.
func (s *Service) retire(d *deployment, spare int) int {
	for _, t := range d.tasks() {
		switch {
		case !t.live():
		case !t.running() || !t.steady:
			s.scaleAway(t)
		case spare > 0:
			s.scaleAway(t)
			spare--
		}
	}
	return spare
}

func (s *Service) scaleAway(t *task) {
	t.dep.service.event(s.Clock.Now(), "has stopped 1 running tasks: (task %s).", t.id)
	s.stopTask(t, types.TaskStopCodeServiceSchedulerInitiated, "Scaling activity initiated by (deployment "+t.dep.id+")")
}
