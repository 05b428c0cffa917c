// Package container runs the containers of tasks: on the local Docker engine, or, where there is none, as plain
// processes of static binaries taken out of their images.
package container

import (
	"context"
	"fmt"
	"time"
)

// An Engine runs pods. Close removes everything that it made.
type Engine interface {
	// Pull brings an image here. Its error is a *PullError if the registry or the image is to blame.
	Pull(ctx context.Context, ref, platform string) (Image, error)
	// Pod makes room for the containers of one task.
	Pod(ctx context.Context, spec PodSpec) (Pod, error)
	// Close removes all pods and pulled images.
	Close() error
}

// A Pod is the containers of one task. They reach each other at localhost.
type Pod interface {
	// Start creates and starts a container.
	Start(ctx context.Context, spec Spec) (Container, error)
	// HostPort is the loopback port that leads to a container port, or 0.
	HostPort(containerPort int) int
	// Remove kills and removes whatever the pod still has.
	Remove(ctx context.Context) error
}

// A Container was started.
type Container interface {
	// ID is the engine's name of the container.
	ID() string
	// Wait returns how the container ended, once it has and all of its output was delivered.
	Wait(ctx context.Context) (Exit, error)
	// Exec runs a command inside and returns its exit code and output.
	Exec(ctx context.Context, argv []string) (code int, output string, err error)
	// Stop sends SIGTERM, then SIGKILL if the container still runs after grace; without grace only the latter. It does not
	// wait for Wait's answer.
	Stop(ctx context.Context, grace time.Duration) error
}

// Image is an image that is on this machine.
type Image struct {
	Ref    string // what Spec.Image wants
	Digest string // of the manifest, "sha256:…"
}

// PodSpec describes a pod.
type PodSpec struct {
	Name       string // unique on this machine
	Ports      []int  // container ports to publish on loopback
	Containers int    // how many containers will be started in it
}

// Spec describes a container.
type Spec struct {
	Name       string
	Image      Image
	Entrypoint []string // nil: the image's
	Command    []string // nil: the image's
	Env        []string // "KEY=value", added to the image's
	WorkingDir string
	User       string
	Memory     int64 // hard limit in bytes; 0: none
	ReadOnly   bool  // the root file system
	// Log gets every line of output. Calls come one after the other.
	Log func(line string)
}

// Exit is how a container ended.
type Exit struct {
	Code int
	OOM  bool // the kernel killed it for its memory limit
}

// A PullError says why an image cannot be used, in the words of the container runtime that Fargate has.
type PullError struct {
	Ref    string
	Reason string
}

func (e *PullError) Error() string {
	return fmt.Sprintf("pull image manifest has been retried 1 time(s): %s", e.Reason)
}
