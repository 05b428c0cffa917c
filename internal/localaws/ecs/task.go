package ecs

import (
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/org/shipkit/internal/localaws/container"
)

// keepStopped is how long a stopped task can be described; AWS keeps it at least an hour.
// In fast simulated time it is kept keepStoppedReal at least, so that a test can still look.
const (
	keepStopped     = time.Hour
	keepStoppedReal = 5 * time.Minute
)

// task is one task. The service's lock guards it; its goroutine (run) drives it.
type task struct {
	id, arn   string
	cluster   *cluster
	def       *revision
	dep       *deployment // nil for RunTask
	group     string
	startedBy string
	token     string // the client's token of RunTask; asked is what it came with
	asked     string
	launch    types.LaunchType
	network   *types.NetworkConfiguration
	overrides *types.TaskOverride
	tags      []types.Tag

	lastStatus, desiredStatus string
	containers                []*containerState

	createdAt, startedAt, stoppingAt, executionStoppedAt, stoppedAt time.Time
	pullStartedAt, pullStoppedAt                                    time.Time
	stopCode                                                        types.TaskStopCode
	stoppedReason                                                   string

	stopping chan struct{} // closed when the task shall stop
	targets  []targetOf    // registered at the load balancer
	fault    *Fault
	steady   bool // seen healthy by the scheduler
	counted  bool // its failure was counted
}

// containerState is one container of a task.
type containerState struct {
	def        *types.ContainerDefinition
	arn        string
	container  container.Container // nil until started
	digest     string
	lastStatus string
	health     types.HealthStatus
	exitCode   *int32
	reason     string
	hostPorts  map[int32]int
	done       chan struct{} // closed when it has ended
}

// targetOf is a task's registration at a target group.
type targetOf struct {
	group    string
	port     int
	reported bool // its bad health was told in an event
}

func (t *task) stopped() bool { return t.lastStatus == "STOPPED" }

// starting reports whether the task was asked for and does not run yet.
func (t *task) starting() bool {
	return t.desiredStatus == "RUNNING" && (t.lastStatus == "PROVISIONING" || t.lastStatus == "PENDING")
}

// live reports whether the task runs or starts and shall go on.
func (t *task) live() bool { return t.desiredStatus == "RUNNING" && !t.stopped() }

func (t *task) running() bool { return t.lastStatus == "RUNNING" && t.desiredStatus == "RUNNING" }

// health is that of the essential containers that have a health check.
func (t *task) health() types.HealthStatus {
	health := types.HealthStatusUnknown
	for _, c := range t.containers {
		if c.def.HealthCheck == nil || !*c.def.Essential {
			continue
		}
		switch c.health {
		case types.HealthStatusUnhealthy:
			return types.HealthStatusUnhealthy
		case types.HealthStatusUnknown:
			return types.HealthStatusUnknown
		default:
			health = types.HealthStatusHealthy
		}
	}
	return health
}

func (t *task) hasHealthCheck() bool {
	return slices.ContainsFunc(t.containers, func(c *containerState) bool { return c.def.HealthCheck != nil && *c.def.Essential })
}

// newTask makes a task that run will start; the caller holds the lock.
func (s *Service) newTask(c *cluster, def *revision) *task {
	id := newID()
	t := &task{
		id: id, arn: arnOf(c.caller, "task/%s/%s", c.name, id), cluster: c, def: def,
		lastStatus: "PROVISIONING", desiredStatus: "RUNNING", createdAt: s.Clock.Now(), stopping: make(chan struct{}),
		launch: types.LaunchTypeFargate,
	}
	for i := range def.ContainerDefinitions {
		t.containers = append(t.containers, &containerState{
			def: &def.ContainerDefinitions[i], lastStatus: "PENDING", health: types.HealthStatusUnknown,
			arn:       arnOf(c.caller, "container/%s/%s/%s", c.name, id, newID()),
			hostPorts: map[int32]int{}, done: make(chan struct{}),
		})
	}
	c.tasks[id] = t
	return t
}

// stopTask asks a task to stop; the first reason stays. The caller holds the lock.
func (s *Service) stopTask(t *task, code types.TaskStopCode, reason string) {
	if t.desiredStatus == "STOPPED" {
		return
	}
	t.desiredStatus = "STOPPED"
	t.stopCode, t.stoppedReason, t.stoppingAt = code, reason, s.Clock.Now()
	close(t.stopping)
}

// describe is the task as DescribeTasks shows it; the caller holds the lock.
func (t *task) describe(include []types.TaskField) types.Task {
	d := types.Task{
		TaskArn: aws.String(t.arn), ClusterArn: aws.String(t.cluster.arn), TaskDefinitionArn: t.def.TaskDefinitionArn,
		LastStatus: aws.String(t.lastStatus), DesiredStatus: aws.String(t.desiredStatus), HealthStatus: t.health(),
		LaunchType: t.launch, Group: aws.String(t.group), Cpu: t.def.Cpu, Memory: t.def.Memory, Version: 1,
		CreatedAt: at(t.createdAt), StartedAt: at(t.startedAt), StoppingAt: at(t.stoppingAt), StoppedAt: at(t.stoppedAt),
		ExecutionStoppedAt: at(t.executionStoppedAt), PullStartedAt: at(t.pullStartedAt), PullStoppedAt: at(t.pullStoppedAt),
		StopCode: t.stopCode, Overrides: t.overrides, AvailabilityZone: aws.String(t.cluster.caller.Region + "a"),
		Attachments: t.attachments(), Connectivity: types.ConnectivityConnected,
	}
	if t.launch == types.LaunchTypeFargate {
		d.PlatformVersion, d.PlatformFamily = aws.String("1.4.0"), aws.String("Linux")
	}
	if t.stoppedReason != "" {
		d.StoppedReason = aws.String(t.stoppedReason)
	}
	if t.startedBy != "" {
		d.StartedBy = aws.String(t.startedBy)
	}
	if slices.Contains(include, types.TaskFieldTags) {
		d.Tags = slices.Clone(t.tags)
	}
	for _, c := range t.containers {
		d.Containers = append(d.Containers, c.describe(t))
	}
	return d
}

// attachments is the network interface of a task in awsvpc mode: on this machine every task is at loopback.
func (t *task) attachments() []types.Attachment {
	if t.def.NetworkMode != types.NetworkModeAwsvpc {
		return nil
	}
	subnet := "subnet-local"
	if t.network != nil && t.network.AwsvpcConfiguration != nil && len(t.network.AwsvpcConfiguration.Subnets) > 0 {
		subnet = t.network.AwsvpcConfiguration.Subnets[0]
	}
	status := "ATTACHED"
	if t.stopped() {
		status = "DELETED"
	}
	return []types.Attachment{{
		Id: aws.String(t.id[:8]), Type: aws.String("ElasticNetworkInterface"), Status: aws.String(status),
		Details: []types.KeyValuePair{
			{Name: aws.String("subnetId"), Value: aws.String(subnet)},
			{Name: aws.String("networkInterfaceId"), Value: aws.String("eni-" + t.id[:17])},
			{Name: aws.String("privateIPv4Address"), Value: aws.String("127.0.0.1")},
		},
	}}
}

func (c *containerState) describe(t *task) types.Container {
	d := types.Container{
		ContainerArn: aws.String(c.arn), TaskArn: aws.String(t.arn), Name: c.def.Name, Image: c.def.Image,
		LastStatus: aws.String(c.lastStatus), ExitCode: c.exitCode, HealthStatus: c.health, Cpu: aws.String(fmt.Sprint(c.def.Cpu)),
		NetworkBindings: []types.NetworkBinding{}, NetworkInterfaces: []types.NetworkInterface{},
	}
	if c.container != nil {
		d.RuntimeId = aws.String(c.container.ID())
	}
	if c.digest != "" {
		d.ImageDigest = aws.String(c.digest)
	}
	if c.reason != "" {
		d.Reason = aws.String(c.reason)
	}
	if c.def.Memory != nil {
		d.Memory = aws.String(fmt.Sprint(*c.def.Memory))
	}
	for _, m := range c.def.PortMappings {
		port := aws.ToInt32(m.ContainerPort)
		if host := c.hostPorts[port]; host != 0 {
			d.NetworkBindings = append(d.NetworkBindings, types.NetworkBinding{
				BindIP: aws.String("127.0.0.1"), ContainerPort: aws.Int32(port),
				HostPort: aws.Int32(int32(host)), Protocol: m.Protocol, //nolint:gosec // a port
			})
		}
	}
	if t.def.NetworkMode == types.NetworkModeAwsvpc {
		d.NetworkInterfaces = []types.NetworkInterface{{
			AttachmentId: aws.String(t.id[:8]), PrivateIpv4Address: aws.String("127.0.0.1"),
		}}
	}
	return d
}

// at is a timestamp, or nil for the zero time.
func at(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
