package ecs

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/org/shipkit/internal/localaws/container"
)

// Times that AWS takes, in simulated time.
const (
	provisioning   = time.Second // attach the network
	deprovisioning = time.Second // detach it
)

// stopGrace is the least that a container gets between SIGTERM and SIGKILL, in real time.
const stopGrace = 2 * time.Second

// launch starts a task's life; the caller holds the lock.
func (s *Service) launch(t *task) {
	t.fault = s.takeFault(t)
	s.spawn(func() { s.run(t) })
}

// run is a task's life: PROVISIONING, PENDING, RUNNING, DEACTIVATING, STOPPING, DEPROVISIONING, STOPPED.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-lifecycle-explanation.html
func (s *Service) run(t *task) {
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	go func() {
		select {
		case <-t.stopping:
			cancel() // a task that still starts need not go on
		case <-ctx.Done():
		}
	}()
	pod, err := s.start(ctx, t)
	switch {
	case err != nil:
		s.failStart(t, err)
	default:
		s.mu.Lock()
		t.lastStatus, t.startedAt = "RUNNING", s.Clock.Now()
		s.registerTargets(t)
		s.wake(t)
		s.mu.Unlock()
		s.watch(t)
	}
	s.windDown(t, pod)
}

// failure is why a task could not start, in AWS's words.
type failure struct {
	container *containerState // to blame; nil for the task as a whole
	reason    string
}

func (f *failure) Error() string { return f.reason }

// failStart notes why a task did not start, unless it was told to stop meanwhile.
func (s *Service) failStart(t *task, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t.desiredStatus == "STOPPED" || s.ctx.Err() != nil {
		return
	}
	var f *failure
	if errors.As(err, &f) && f.container != nil {
		f.container.reason = f.reason
	}
	s.stopTask(t, types.TaskStopCodeTaskFailedToStart, err.Error())
}

// start brings all containers up.
func (s *Service) start(ctx context.Context, t *task) (container.Pod, error) {
	if err := s.Clock.Sleep(ctx, provisioning); err != nil {
		return nil, fmt.Errorf("provision: %w", err)
	}
	s.mu.Lock()
	t.lastStatus, t.pullStartedAt = "PENDING", s.Clock.Now()
	s.mu.Unlock()

	specs, err := s.specs(ctx, t)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	t.pullStoppedAt = s.Clock.Now()
	s.mu.Unlock()

	var ports []int
	for _, c := range t.containers {
		for _, m := range c.def.PortMappings {
			ports = append(ports, int(aws.ToInt32(m.ContainerPort)))
		}
	}
	pod, err := s.Engine.Pod(ctx, container.PodSpec{Name: "shipkit-" + t.id, Ports: ports, Containers: len(t.containers)})
	if err != nil {
		return nil, &failure{reason: "CannotStartContainerError: " + err.Error()}
	}
	for _, i := range startOrder(t) {
		if err := s.startContainer(ctx, t, pod, t.containers[i], specs[i]); err != nil {
			return pod, err
		}
	}
	return pod, nil
}

// startContainer waits for what the container depends on and starts it.
func (s *Service) startContainer(ctx context.Context, t *task, pod container.Pod, c *containerState, spec container.Spec) error {
	if err := s.awaitDependencies(ctx, t, c); err != nil {
		return err
	}
	started, err := pod.Start(ctx, spec)
	if err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("start the container %s: %w", spec.Name, ctx.Err())
		}
		return &failure{container: c, reason: "CannotStartContainerError: Error response from daemon: " + err.Error()}
	}
	s.mu.Lock()
	c.container, c.lastStatus = started, "RUNNING"
	for _, m := range c.def.PortMappings {
		c.hostPorts[aws.ToInt32(m.ContainerPort)] = pod.HostPort(int(aws.ToInt32(m.ContainerPort)))
	}
	s.running.Go(func() { s.awaitEnd(t, c) })
	if c.def.HealthCheck != nil {
		s.running.Go(func() { s.checkHealth(t, c) })
	}
	s.mu.Unlock()
	return nil
}

// awaitEnd notes how a container ended; the end of an essential one ends the task.
func (s *Service) awaitEnd(t *task, c *containerState) {
	exit, err := c.container.Wait(context.WithoutCancel(s.ctx))
	s.mu.Lock()
	defer s.mu.Unlock()
	defer close(c.done)
	c.lastStatus = "STOPPED"
	c.exitCode = aws.Int32(int32(exit.Code)) //nolint:gosec // 0 to 255
	switch {
	case exit.OOM:
		c.reason = "OutOfMemoryError: Container killed due to memory usage"
	case err != nil:
		c.reason = err.Error()
	}
	if *c.def.Essential {
		s.stopTask(t, types.TaskStopCodeEssentialContainerExited, "Essential container in task exited")
	}
	s.wake(t)
}

// watch returns when the task shall stop.
func (s *Service) watch(t *task) {
	s.mu.Lock()
	crash := t.fault != nil && t.fault.Kind == FaultExit
	s.mu.Unlock()
	if crash {
		for _, c := range t.containers {
			_ = c.container.Stop(context.WithoutCancel(s.ctx), 0)
		}
	}
	select {
	case <-t.stopping:
	case <-s.ctx.Done():
	}
}

// windDown drains and stops a task and removes its containers.
func (s *Service) windDown(t *task, pod container.Pod) {
	ctx := context.WithoutCancel(s.ctx)
	s.mu.Lock()
	if len(t.targets) > 0 && s.ctx.Err() == nil {
		t.lastStatus = "DEACTIVATING"
	}
	s.mu.Unlock()
	s.drainTargets(t)
	s.status(t, "STOPPING")
	// Those that started last stop first, so that a container outlives what depends on it.
	order := startOrder(t)
	for i := len(order) - 1; i >= 0; i-- {
		s.stopContainer(ctx, t.containers[order[i]])
	}
	s.mu.Lock()
	t.lastStatus, t.executionStoppedAt = "DEPROVISIONING", s.Clock.Now()
	s.mu.Unlock()
	if pod != nil {
		_ = pod.Remove(ctx) // the engine's Close tries again
	}
	_ = s.Clock.Sleep(s.ctx, deprovisioning) // Close need not wait

	s.mu.Lock()
	defer s.mu.Unlock()
	t.lastStatus, t.stoppedAt = "STOPPED", s.Clock.Now()
	for _, c := range t.containers {
		c.lastStatus = "STOPPED"
	}
	s.wake(t)
	s.running.Go(func() { s.forget(t) })
}

func (s *Service) stopContainer(ctx context.Context, c *containerState) {
	if c.container == nil {
		return
	}
	seconds := int32(30)
	if c.def.StopTimeout != nil {
		seconds = *c.def.StopTimeout
	}
	grace := max(s.Clock.Real(time.Duration(seconds)*time.Second), stopGrace)
	if s.ctx.Err() != nil {
		grace = 0 // local AWS itself goes down
	}
	_ = c.container.Stop(ctx, grace)
	<-c.done
}

// forget drops a stopped task after an hour.
func (s *Service) forget(t *task) {
	ctx := s.ctx
	_ = s.Clock.Sleep(ctx, keepStopped)
	if rest := keepStoppedReal - s.Clock.Real(keepStopped); rest > 0 && ctx.Err() == nil {
		timer := time.NewTimer(rest)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(t.cluster.tasks, t.id)
}

func (s *Service) status(t *task, status string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t.lastStatus = status
}

// wake has the scheduler of the task's service look; the caller holds the lock.
func (s *Service) wake(t *task) {
	if t.dep != nil {
		t.dep.service.poke()
	}
}

// platform is what the task's containers run on.
func (t *task) platform() string {
	arch := runtime.GOARCH
	if p := t.def.RuntimePlatform; p != nil {
		switch p.CpuArchitecture {
		case types.CPUArchitectureArm64:
			arch = "arm64"
		case types.CPUArchitectureX8664:
			arch = "amd64"
		}
	}
	return "linux/" + arch
}
