package container

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Process runs static binaries out of their images as plain processes of this machine, where no Docker engine is. It
// isolates nothing: a container's port is whatever free port it finds in the variable PORT, a health check runs as a
// process beside it, memory limits do not hold, and USER is ignored.
type Process struct {
	source
	dir string

	mu     sync.Mutex
	images map[string]image // by digest
	pods   map[*processPod]struct{}
}

// image is an unpacked image.
type image struct {
	root   string
	config v1.Config
}

var _ Engine = (*Process)(nil)

// NewProcess returns an engine that unpacks images under dir, a folder of its own that Close removes.
func NewProcess(dir string, r Registry) (*Process, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make the folder for images: %w", err)
	}
	return &Process{source: source{r}, dir: dir, images: map[string]image{}, pods: map[*processPod]struct{}{}}, nil
}

// Pull implements Engine.
func (p *Process) Pull(ctx context.Context, ref, platform string) (Image, error) {
	found, err := p.resolve(ctx, ref, platform)
	if err != nil {
		return Image{}, err
	}
	local := found.ref.DigestStr()
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, ok := p.images[local]; ok {
		return Image{Ref: local, Digest: found.digest}, nil
	}
	file, err := found.ConfigFile()
	if err != nil {
		return Image{}, pullError(ref, err)
	}
	root := filepath.Join(p.dir, strings.ReplaceAll(local, ":", "-"))
	if err := unpack(found, root); err != nil {
		return Image{}, fmt.Errorf("unpack %s: %w", ref, err)
	}
	p.images[local] = image{root: root, config: file.Config}
	return Image{Ref: local, Digest: found.digest}, nil
}

// Close implements Engine.
func (p *Process) Close() error {
	p.mu.Lock()
	pods := make([]*processPod, 0, len(p.pods))
	for pod := range p.pods {
		pods = append(pods, pod)
	}
	p.mu.Unlock()
	var errs []error
	for _, pod := range pods {
		errs = append(errs, pod.Remove(context.Background()))
	}
	if err := os.RemoveAll(p.dir); err != nil {
		errs = append(errs, fmt.Errorf("remove the unpacked images: %w", err))
	}
	return errors.Join(errs...)
}

// Pod implements Engine.
func (p *Process) Pod(ctx context.Context, spec PodSpec) (Pod, error) {
	pod := &processPod{Process: p, spec: spec, ports: map[int]int{}}
	for _, port := range spec.Ports {
		free, err := freePort(ctx)
		if err != nil {
			return nil, err
		}
		pod.ports[port] = free
	}
	p.mu.Lock()
	p.pods[pod] = struct{}{}
	p.mu.Unlock()
	return pod, nil
}

// freePort asks the kernel for a port that nobody listens on.
func freePort(ctx context.Context) (int, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	n, err := strconv.Atoi(port)
	return n, errors.Join(err, l.Close())
}

type processPod struct {
	*Process
	spec  PodSpec
	ports map[int]int // container port to loopback port

	mu         sync.Mutex
	containers []*process
}

// HostPort implements Pod.
func (p *processPod) HostPort(containerPort int) int { return p.ports[containerPort] }

// Start implements Pod.
func (p *processPod) Start(_ context.Context, spec Spec) (Container, error) {
	p.Process.mu.Lock()
	img, ok := p.images[spec.Image.Ref]
	p.Process.mu.Unlock()
	if !ok {
		return nil, fmt.Errorf("start the container %s: image %s was not pulled", spec.Name, spec.Image.Ref)
	}
	argv := spec.Entrypoint
	if argv == nil {
		argv = img.config.Entrypoint
	}
	if spec.Command != nil {
		argv = append(slices.Clone(argv), spec.Command...)
	} else if spec.Entrypoint == nil {
		argv = append(slices.Clone(argv), img.config.Cmd...)
	}
	c := &process{spec: spec, img: img, env: append(slices.Clone(img.config.Env), spec.Env...), ended: make(chan struct{})}
	if len(p.spec.Ports) > 0 {
		c.env = append(c.env, "PORT="+strconv.Itoa(p.ports[p.spec.Ports[0]]))
	}
	if err := c.start(argv); err != nil {
		return nil, err
	}
	p.mu.Lock()
	p.containers = append(p.containers, c)
	p.mu.Unlock()
	return c, nil
}

// Remove implements Pod.
func (p *processPod) Remove(ctx context.Context) error {
	p.mu.Lock()
	containers := p.containers
	p.containers = nil
	p.mu.Unlock()
	var errs []error
	for _, c := range containers {
		c.signal(syscall.SIGKILL)
		_, err := c.Wait(ctx)
		errs = append(errs, err)
	}
	p.Process.mu.Lock()
	delete(p.pods, p)
	p.Process.mu.Unlock()
	return errors.Join(errs...)
}

// process is one container as a process group.
type process struct {
	spec  Spec
	img   image
	env   []string
	cmd   *exec.Cmd
	ended chan struct{}
	exit  Exit // once ended is closed
}

// command is argv inside the unpacked image, in a process group of its own.
func (c *process) command(ctx context.Context, argv []string) (*exec.Cmd, error) {
	if len(argv) == 0 {
		return nil, fmt.Errorf("start the container %s: no command specified", c.spec.Name)
	}
	program := filepath.Join(c.img.root, filepath.Clean("/"+argv[0]))
	if _, err := os.Stat(program); err != nil {
		return nil, fmt.Errorf("start the container %s: exec: %q: executable file not found in the image", c.spec.Name, argv[0])
	}
	cmd := exec.CommandContext(ctx, program, argv[1:]...)
	cmd.Args[0] = argv[0]
	cmd.Env = c.env
	dir := c.spec.WorkingDir
	if dir == "" {
		dir = c.img.config.WorkingDir
	}
	cmd.Dir = filepath.Join(c.img.root, filepath.Clean("/"+dir))
	cmd.SysProcAttr = processGroup()
	return cmd, nil
}

func (c *process) start(argv []string) error {
	cmd, err := c.command(context.Background(), argv)
	if err != nil {
		return err
	}
	pr, pw := io.Pipe()
	cmd.Stdout, cmd.Stderr = pw, pw
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start the container %s: %w", c.spec.Name, err)
	}
	c.cmd = cmd
	delivered := make(chan struct{})
	go func() {
		defer close(delivered)
		log := c.spec.Log
		if log == nil {
			log = func(string) {}
		}
		eachLine(pr, log)
	}()
	go func() {
		err := cmd.Wait()
		_ = pw.Close()
		<-delivered
		c.exit.Code = exitCode(cmd.ProcessState, err)
		close(c.ended)
	}()
	return nil
}

// exitCode is 128 plus the signal for a killed process, as Docker says it.
func exitCode(state *os.ProcessState, err error) int {
	if state == nil {
		return 255
	}
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	if err != nil && state.ExitCode() == 0 {
		return 255
	}
	return state.ExitCode()
}

func (c *process) signal(s syscall.Signal) { _ = syscall.Kill(-c.cmd.Process.Pid, s) }

// ID implements Container.
func (c *process) ID() string { return "pid-" + strconv.Itoa(c.cmd.Process.Pid) }

// Wait implements Container.
func (c *process) Wait(ctx context.Context) (Exit, error) {
	select {
	case <-c.ended:
		return c.exit, nil
	case <-ctx.Done():
		return Exit{}, fmt.Errorf("wait for the container %s: %w", c.spec.Name, ctx.Err())
	}
}

// Stop implements Container.
func (c *process) Stop(ctx context.Context, grace time.Duration) error {
	if grace <= 0 {
		c.signal(syscall.SIGKILL)
		return nil
	}
	c.signal(syscall.SIGTERM)
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-c.ended:
	case <-ctx.Done():
		return fmt.Errorf("stop the container %s: %w", c.spec.Name, ctx.Err())
	case <-timer.C:
		c.signal(syscall.SIGKILL)
	}
	return nil
}

// Exec implements Container.
func (c *process) Exec(ctx context.Context, argv []string) (int, string, error) {
	cmd, err := c.command(ctx, argv)
	if err != nil {
		return 127, err.Error(), nil
	}
	var out limited
	cmd.Stdout, cmd.Stderr = &out, &out
	err = cmd.Run()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		return 0, out.String(), fmt.Errorf("run %q in the container %s: %w", argv, c.spec.Name, err)
	}
	return exitCode(cmd.ProcessState, err), out.String(), nil
}
