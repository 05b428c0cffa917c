package localaws

import (
	"context"
	"fmt"

	"github.com/org/shipkit/internal/localaws/container"
	"github.com/org/shipkit/internal/localaws/ecr"
	"github.com/org/shipkit/internal/localaws/ecs"
	"github.com/org/shipkit/internal/localaws/elb"
	"github.com/org/shipkit/internal/localaws/owner"
	"github.com/org/shipkit/internal/localaws/registry"
)

// Engine is what runs the tasks of ECS.
type Engine string

// Engines. Auto takes Docker where an engine answers, else Process.
const (
	Auto    Engine = ""
	Docker  Engine = "docker"
	Process Engine = "process" // static binaries taken out of the image, without isolation
)

// composeContainers builds the registry, the load balancer and ECS.
func (s *Server) composeContainers(ctx context.Context) error {
	s.ECR = ecr.New(s.Clock.Now)
	var err error
	s.Registry, err = registry.Start(ctx, registry.Options{Dir: s.folder("registry"), Profile: s.options.Registry,
		Auth: s.ECR.Auth(), Policy: s.ECR})
	if err != nil {
		return fmt.Errorf("start the registry: %w", err)
	}
	s.own("registry", s.Registry)
	s.ECR.Attach(s.Registry)
	s.ELB = elb.New(s.Clock)
	engine, err := s.engine(ctx)
	if err != nil {
		return err
	}
	s.own("engine", engine)
	s.ECS = ecs.New(ecs.Deps{Clock: s.Clock, Engine: engine, Parameters: s.SSM, Secrets: s.Secrets, Logs: s.Logs,
		Balancer: s.ELB, Alarms: s.Alarms})
	s.serve("ecr", s.ECR)
	s.serve("elb", s.ELB)
	s.serve("ecs", s.ECS)
	return nil
}

// engine connects to Docker, or falls back to processes.
func (s *Server) engine(ctx context.Context) (container.Engine, error) {
	if s.options.Engine != Process {
		docker, err := container.NewDocker(ctx, s.ECR)
		if err == nil {
			s.docker = true
			return docker, nil
		}
		if s.options.Engine == Docker {
			return nil, fmt.Errorf("run tasks on docker: %w", err)
		}
	}
	dir, err := owner.Folder("shipkit-local-")
	if err != nil {
		return nil, fmt.Errorf("run tasks as processes: %w", err)
	}
	engine, err := container.NewProcess(dir, s.ECR)
	if err != nil {
		return nil, fmt.Errorf("run tasks as processes: %w", err)
	}
	return engine, nil
}
