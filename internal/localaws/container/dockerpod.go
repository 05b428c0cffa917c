package container

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
)

// dockerPod is the containers of one task. A single container publishes the ports itself; several join the network
// of a pause container, so that they reach each other at localhost as on AWS.
type dockerPod struct {
	*Docker
	spec PodSpec

	mu         sync.Mutex
	holder     string // the container whose network the others join
	containers []string
	ports      map[int]int
}

// Pod implements Engine.
func (d *Docker) Pod(ctx context.Context, spec PodSpec) (Pod, error) {
	p := &dockerPod{Docker: d, spec: spec, ports: map[int]int{}}
	if spec.Containers < 2 {
		return p, nil
	}
	image, err := d.pauseImage(ctx)
	if err != nil {
		return nil, err
	}
	id, err := p.create(ctx, Spec{Name: "pause", Image: Image{Ref: image}})
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	p.holder = id
	p.mu.Unlock()
	if _, err := d.client.ContainerStart(ctx, id, client.ContainerStartOptions{}); err != nil {
		return nil, errors.Join(fmt.Errorf("start the pause container: %w", err), p.Remove(ctx))
	}
	return p, p.readPorts(ctx, id)
}

// Start implements Pod.
func (p *dockerPod) Start(ctx context.Context, spec Spec) (Container, error) {
	id, err := p.create(ctx, spec)
	if err != nil {
		return nil, err
	}
	c := &dockerContainer{Docker: p.Docker, id: id, ended: make(chan struct{})}
	// Wait is asked first, so that a container that ends at once is not missed.
	watch, stop := context.WithCancel(context.WithoutCancel(ctx))
	wait := p.client.ContainerWait(watch, id, client.ContainerWaitOptions{Condition: container.WaitConditionNextExit})
	if _, err := p.client.ContainerStart(ctx, id, client.ContainerStartOptions{}); err != nil {
		stop()
		return nil, fmt.Errorf("start the container %s: %w", spec.Name, err)
	}
	go c.watch(watch, stop, wait, spec.Log)
	p.mu.Lock()
	single := p.holder == ""
	p.mu.Unlock()
	if single {
		return c, p.readPorts(ctx, id)
	}
	return c, nil
}

// create makes a container of the pod.
func (p *dockerPod) create(ctx context.Context, spec Spec) (string, error) {
	config := &container.Config{
		Image: spec.Image.Ref, Entrypoint: spec.Entrypoint, Cmd: spec.Command, Env: spec.Env,
		WorkingDir: spec.WorkingDir, User: spec.User,
		Labels: map[string]string{label: p.id, ownerLabel: p.owner},
	}
	host := &container.HostConfig{ReadonlyRootfs: spec.ReadOnly, LogConfig: container.LogConfig{Type: "json-file"}}
	host.Memory, host.MemorySwap = spec.Memory, spec.Memory
	p.mu.Lock()
	holder := p.holder
	p.mu.Unlock()
	if holder == "" {
		if err := publish(config, host, p.spec.Ports); err != nil {
			return "", err
		}
	} else {
		host.NetworkMode = container.NetworkMode("container:" + holder)
	}
	created, err := p.client.ContainerCreate(ctx, client.ContainerCreateOptions{
		Name: p.spec.Name + "-" + spec.Name, Config: config, HostConfig: host,
	})
	if err != nil {
		return "", fmt.Errorf("create the container %s: %w", spec.Name, err)
	}
	p.mu.Lock()
	p.containers = append(p.containers, created.ID)
	p.mu.Unlock()
	return created.ID, nil
}

// publish maps each container port to a free port of loopback.
func publish(config *container.Config, host *container.HostConfig, ports []int) error {
	config.ExposedPorts, host.PortBindings = network.PortSet{}, network.PortMap{}
	for _, n := range ports {
		port, err := network.ParsePort(strconv.Itoa(n) + "/tcp")
		if err != nil {
			return fmt.Errorf("container port %d: %w", n, err)
		}
		config.ExposedPorts[port] = struct{}{}
		host.PortBindings[port] = []network.PortBinding{{HostIP: netip.MustParseAddr("127.0.0.1")}}
	}
	return nil
}

// readPorts asks where the container's ports came out.
func (p *dockerPod) readPorts(ctx context.Context, id string) error {
	found, err := p.client.ContainerInspect(ctx, id, client.ContainerInspectOptions{})
	if err != nil {
		return fmt.Errorf("inspect the container %s: %w", id, err)
	}
	if found.Container.NetworkSettings == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for port, bindings := range found.Container.NetworkSettings.Ports {
		for _, b := range bindings {
			if n, err := strconv.Atoi(b.HostPort); err == nil {
				p.ports[int(port.Num())] = n
			}
		}
	}
	return nil
}

// HostPort implements Pod.
func (p *dockerPod) HostPort(containerPort int) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ports[containerPort]
}

// Remove implements Pod.
func (p *dockerPod) Remove(ctx context.Context) error {
	p.mu.Lock()
	containers := p.containers
	p.containers = nil
	p.mu.Unlock()
	var errs []error
	for i := len(containers) - 1; i >= 0; i-- {
		errs = append(errs, p.remove(ctx, containers[i]))
	}
	return errors.Join(errs...)
}

// dockerContainer is one container on the engine.
type dockerContainer struct {
	*Docker
	id    string
	ended chan struct{}
	exit  Exit  // once ended is closed
	err   error // once ended is closed
}

// ID implements Container.
func (c *dockerContainer) ID() string { return c.id }

// watch delivers the output and notes how the container ended.
func (c *dockerContainer) watch(ctx context.Context, stop func(), wait client.ContainerWaitResult, log func(string)) {
	defer stop()
	defer close(c.ended)
	c.follow(ctx, log)
	select {
	case result := <-wait.Result:
		c.exit.Code = int(result.StatusCode)
	case err := <-wait.Error:
		c.exit.Code, c.err = 137, fmt.Errorf("wait for the container %s: %w", c.id, err)
		return
	}
	if found, err := c.client.ContainerInspect(ctx, c.id, client.ContainerInspectOptions{}); err == nil {
		c.exit.OOM = found.Container.State.OOMKilled
	}
}

// follow hands every line of output to log until the container ends.
func (c *dockerContainer) follow(ctx context.Context, log func(string)) {
	if log == nil {
		return
	}
	stream, err := c.client.ContainerLogs(ctx, c.id, client.ContainerLogsOptions{ShowStdout: true, ShowStderr: true, Follow: true})
	if err != nil {
		return
	}
	defer func() { _ = stream.Close() }()
	pr, pw := io.Pipe()
	go func() {
		_, err := stdcopy.StdCopy(pw, pw, stream)
		pw.CloseWithError(err)
	}()
	eachLine(pr, log)
}

// eachLine calls log for each line, however long.
func eachLine(r io.Reader, log func(string)) {
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadString('\n')
		if line != "" {
			log(trimNewline(line))
		}
		if err != nil {
			return
		}
	}
}

// Wait implements Container.
func (c *dockerContainer) Wait(ctx context.Context) (Exit, error) {
	select {
	case <-c.ended:
		return c.exit, c.err
	case <-ctx.Done():
		return Exit{}, fmt.Errorf("wait for the container %s: %w", c.id, ctx.Err())
	}
}

// Stop implements Container.
func (c *dockerContainer) Stop(ctx context.Context, grace time.Duration) error {
	if grace <= 0 {
		return c.kill(ctx, "SIGKILL")
	}
	found, err := c.client.ContainerInspect(ctx, c.id, client.ContainerInspectOptions{})
	if gone(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("inspect the container %s: %w", c.id, err)
	}
	signal := "SIGTERM"
	if found.Container.Config != nil && found.Container.Config.StopSignal != "" {
		signal = found.Container.Config.StopSignal
	}
	if err := c.kill(ctx, signal); err != nil {
		return err
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-c.ended:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("stop the container %s: %w", c.id, ctx.Err())
	case <-timer.C:
	}
	return c.kill(ctx, "SIGKILL")
}

func (c *dockerContainer) kill(ctx context.Context, signal string) error {
	if _, err := c.client.ContainerKill(ctx, c.id, client.ContainerKillOptions{Signal: signal}); err != nil && !gone(err) {
		return fmt.Errorf("send %s to the container %s: %w", signal, c.id, err)
	}
	return nil
}

// gone reports whether the container is not there, or does not run, any more.
func gone(err error) bool {
	return errdefs.IsNotFound(err) || errdefs.IsConflict(err)
}

// Exec implements Container.
func (c *dockerContainer) Exec(ctx context.Context, argv []string) (int, string, error) {
	created, err := c.client.ExecCreate(ctx, c.id, client.ExecCreateOptions{Cmd: argv, AttachStdout: true, AttachStderr: true})
	if err != nil {
		return 0, "", fmt.Errorf("run %q in the container %s: %w", argv, c.id, err)
	}
	attached, err := c.client.ExecAttach(ctx, created.ID, client.ExecAttachOptions{})
	if err != nil {
		return 0, "", fmt.Errorf("run %q in the container %s: %w", argv, c.id, err)
	}
	defer attached.Close()
	stop := context.AfterFunc(ctx, attached.Close)
	defer stop()
	var out limited
	_, _ = stdcopy.StdCopy(&out, &out, attached.Reader) // ends with the command or with ctx
	if ctx.Err() != nil {
		return 0, out.String(), fmt.Errorf("run %q in the container %s: %w", argv, c.id, ctx.Err())
	}
	done, err := c.client.ExecInspect(ctx, created.ID, client.ExecInspectOptions{})
	if err != nil {
		return 0, "", fmt.Errorf("run %q in the container %s: %w", argv, c.id, err)
	}
	return done.ExitCode, out.String(), nil
}
