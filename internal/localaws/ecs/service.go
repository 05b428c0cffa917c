package ecs

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// maxEvents is how many events a service shows.
const maxEvents = 100

// service is one service. Its scheduler (schedule) brings it to what was asked for.
type service struct {
	name, arn string
	cluster   *cluster
	created   time.Time
	createdBy string
	status    string // ACTIVE, DRAINING, INACTIVE
	settings  settings
	tags      []types.Tag
	events    []types.ServiceEvent

	controller types.DeploymentControllerType

	live     []*deployment // the PRIMARY first, then those that still have tasks, newest first
	rollout  *rollout      // the service deployment in progress, or nil
	history  []*rollout    // all service deployments, newest first
	steady   bool          // "has reached a steady state" was said
	starting int           // failures in a row, for the back-off
	next     time.Time     // no task is started before
	woken    chan struct{}
}

// settings are what CreateService and UpdateService say.
type settings struct {
	def       *revision
	desired   int
	config    *types.DeploymentConfiguration
	balancers []types.LoadBalancer
	grace     time.Duration // of load balancer health checks
	launch    types.LaunchType
	network   *types.NetworkConfiguration
	strategy  []types.CapacityProviderStrategyItem
	exec      bool
	managed   bool // ECS managed tags
	propagate types.PropagateTags
}

// deployment is the tasks of one service revision: what DescribeServices calls a deployment.
type deployment struct {
	id      string
	service *service
	rev     *serviceRevision
	status  string // PRIMARY, ACTIVE, INACTIVE
	desired int
	failed  int
	rollout types.DeploymentRolloutState
	reason  string
	created time.Time
	updated time.Time
	weight  float64 // share of production traffic in percent; of a blue-green service only
	test    float64 // share of test traffic in percent
}

// serviceRevision is a snapshot of what a service runs.
type serviceRevision struct {
	arn       string
	def       *revision
	balancers []types.LoadBalancer
	groups    []string          // of each load balancer, the target group that the tasks are in
	digests   map[string]string // by container name, once the first task found them
	created   time.Time
	settings  settings
}

// service finds a service by name or ARN, whatever its status.
func (c *cluster) service(ref string) *service {
	if strings.HasPrefix(ref, "arn:") {
		ref = ref[strings.LastIndex(ref, "/")+1:]
	}
	return c.services[ref]
}

// poke has the scheduler look.
func (svc *service) poke() {
	select {
	case svc.woken <- struct{}{}:
	default:
	}
}

// event adds an event in AWS's words: "(service web) …".
func (svc *service) event(now time.Time, format string, args ...any) {
	e := types.ServiceEvent{
		Id: aws.String(newUUID()), CreatedAt: aws.Time(now),
		Message: aws.String(fmt.Sprintf("(service %s) ", svc.name) + fmt.Sprintf(format, args...)),
	}
	// A new slice each time: one that was described is being encoded without the lock.
	svc.events = append([]types.ServiceEvent{e}, svc.events[:min(len(svc.events), maxEvents-1)]...)
}

func newUUID() string {
	id := newID()
	return strings.Join([]string{id[:8], id[8:12], id[12:16], id[16:20], id[20:]}, "-")
}

// tasks are the tasks of a service that are not stopped.
func (svc *service) tasks() []*task {
	var tasks []*task
	for _, t := range svc.cluster.tasks {
		if t.dep != nil && t.dep.service == svc && !t.stopped() {
			tasks = append(tasks, t)
		}
	}
	slices.SortFunc(tasks, func(a, b *task) int { return a.createdAt.Compare(b.createdAt) })
	return tasks
}

// tasks are the tasks of a deployment that are not stopped, oldest first.
func (d *deployment) tasks() []*task {
	return slices.DeleteFunc(d.service.tasks(), func(t *task) bool { return t.dep != d })
}

// count counts the deployment's tasks for which f holds.
func (d *deployment) count(f func(*task) bool) int {
	n := 0
	for _, t := range d.tasks() {
		if f(t) {
			n++
		}
	}
	return n
}

// bounds are how many tasks may run at least and at most during a rolling update.
func (svc *service) bounds() (low, high int) {
	minimum, maximum := 100.0, 200.0
	if c := svc.settings.config; c != nil {
		if c.MinimumHealthyPercent != nil {
			minimum = float64(*c.MinimumHealthyPercent)
		}
		if c.MaximumPercent != nil {
			maximum = float64(*c.MaximumPercent)
		}
	}
	desired := float64(svc.settings.desired)
	return int(math.Ceil(desired * minimum / 100)), int(math.Floor(desired * maximum / 100))
}

// schedule brings the service to what was asked for, until it is gone.
func (s *Service) schedule(svc *service) {
	tick := min(max(s.Clock.Real(5*time.Second), 25*time.Millisecond), 500*time.Millisecond)
	for {
		s.mu.Lock()
		s.reconcile(svc)
		gone := svc.status == "INACTIVE"
		s.mu.Unlock()
		if gone {
			return
		}
		timer := time.NewTimer(tick)
		select {
		case <-svc.woken:
		case <-timer.C:
		case <-s.ctx.Done():
			timer.Stop()
			return
		}
		timer.Stop()
	}
}

// reconcile takes the next step; the caller holds the lock.
func (s *Service) reconcile(svc *service) {
	if s.ctx.Err() != nil {
		return
	}
	s.inspect(svc)
	switch {
	case svc.status == "DRAINING":
		s.drain(svc)
	case svc.rollout != nil:
		s.advance(svc.rollout)
	case len(svc.live) > 0 && svc.live[0].rollout != types.DeploymentRolloutStateFailed:
		s.replace(svc, svc.live[0])
	}
	s.tidy(svc)
}

// drain stops the tasks of a deleted service.
func (s *Service) drain(svc *service) {
	tasks := svc.tasks()
	for _, t := range tasks {
		s.stopTask(t, types.TaskStopCodeServiceSchedulerInitiated, "Scaling activity initiated by (deployment "+t.dep.id+")")
	}
	if len(tasks) == 0 {
		svc.status, svc.live = "INACTIVE", nil
	}
}

// tidy forgets deployments that have been replaced.
func (s *Service) tidy(svc *service) {
	if svc.rollout != nil || len(svc.live) < 2 || svc.live[0].rollout == types.DeploymentRolloutStateFailed {
		return
	}
	keep := svc.live[:1:1]
	for _, d := range svc.live[1:] {
		if len(d.tasks()) > 0 {
			keep = append(keep, d)
		} else {
			d.status = "INACTIVE"
		}
	}
	svc.live = keep
}
