package localaws

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/org/shipkit/internal/localaws/autoscaling"
	"github.com/org/shipkit/internal/localaws/cloudformation"
	"github.com/org/shipkit/internal/localaws/cloudwatch"
	"github.com/org/shipkit/internal/localaws/codedeploy"
	"github.com/org/shipkit/internal/localaws/ec2"
	"github.com/org/shipkit/internal/localaws/ecr"
	"github.com/org/shipkit/internal/localaws/ecs"
	"github.com/org/shipkit/internal/localaws/elb"
	"github.com/org/shipkit/internal/localaws/iam"
	"github.com/org/shipkit/internal/localaws/kms"
	"github.com/org/shipkit/internal/localaws/logs"
	"github.com/org/shipkit/internal/localaws/mail"
	"github.com/org/shipkit/internal/localaws/rds"
	"github.com/org/shipkit/internal/localaws/registry"
	"github.com/org/shipkit/internal/localaws/s3"
	"github.com/org/shipkit/internal/localaws/scheduler"
	"github.com/org/shipkit/internal/localaws/secrets"
	"github.com/org/shipkit/internal/localaws/ssm"
	"github.com/org/shipkit/internal/localaws/sts"
	"github.com/org/shipkit/internal/localaws/tagging"
	"github.com/org/shipkit/internal/localaws/wire"
)

// compose builds every service of local AWS and tells each of those that it needs. A service's maker adds its lines
// here: a field in Services, its New, and a line that serves it. What is served last is closed first.
func (s *Server) compose(ctx context.Context) error {
	s.Tagging = tagging.New()
	s.STS = sts.New(s.keys)
	s.SSM = ssm.New(s.Clock)
	s.Secrets = secrets.New(s.Clock)
	s.Logs = logs.New(s.Clock)
	s.KMS = kms.New(s.Clock)
	s.IAM = iam.New(s.Clock, s.Faults)
	s.EC2 = ec2.New()
	s.S3 = s3.New(s.Clock)
	s.Mail = mail.New(s.Clock)
	s.Alarms = cloudwatch.New(s.Clock.Now)
	s.serve("sts", s.STS)
	s.serve("ssm", s.SSM)
	s.serve("secrets", s.Secrets)
	s.serve("logs", s.Logs)
	s.serve("kms", s.KMS)
	s.serve("iam", s.IAM)
	s.serve("ec2", s.EC2)
	s.serve("s3", s.S3)
	s.serve("alarms", s.Alarms)
	s.mux.Add(s.Mail.WireSES(), s.Mail.WireSNS())
	if err := s.composeContainers(ctx); err != nil {
		return err
	}
	s.RDS = rds.New(s.Clock, s.databases())
	s.CloudFormation = cloudformation.New(s.Clock, s.mux)
	s.CodeDeploy = codedeploy.New(s.Clock, s.ECS, s.ELB)
	s.AutoScaling = autoscaling.New(s.Clock, s.mux)
	s.Scheduler = scheduler.New(s.Clock, s.mux)
	s.serve("rds", s.RDS)
	s.serve("cloudformation", s.CloudFormation)
	s.serve("codedeploy", s.CodeDeploy)
	s.serve("autoscaling", s.AutoScaling)
	s.serve("scheduler", s.Scheduler)
	s.serve("tagging", s.Tagging)
	if err := s.mux.Err(); err != nil {
		return fmt.Errorf("put the services on the wire: %w", err)
	}
	return nil
}

// Services are the services of local AWS, with the Go API that tests use beside the wire.
type Services struct {
	STS     *sts.Service
	SSM     *ssm.Service
	Secrets *secrets.Service
	Logs    *logs.Service
	KMS     *kms.Service
	IAM     *iam.Service
	EC2     *ec2.Service
	S3      *s3.Service
	Mail    *mail.Service

	Registry *registry.Registry
	ECR      *ecr.Service
	ELB      *elb.Service
	ECS      *ecs.Service
	Alarms   *cloudwatch.Service
	RDS      *rds.Service

	CloudFormation *cloudformation.Service
	CodeDeploy     *codedeploy.Service
	Scheduler      *scheduler.Service
	AutoScaling    *autoscaling.Service
	Tagging        *tagging.Service
}

// databases says where the databases run: where the tasks' containers reach them too.
func (s *Server) databases() rds.Options {
	o := rds.Options{Secrets: s.Secrets, Keys: s.KMS, Dir: s.folder("databases"), NoData: s.options.NoData, Address: rds.BridgeAddress()}
	if !s.docker {
		o.Address = "" // tasks are processes of this machine
	}
	return o
}

// folder is where a service keeps files that survive a restart; empty if nothing does.
func (s *Server) folder(name string) string {
	if s.options.Dir == "" {
		return ""
	}
	return filepath.Join(s.options.Dir, name)
}

// wired is what every service package offers.
type wired interface{ Wire() *wire.Service }

// stateful services survive a restart when local AWS is given a folder. Load is called before the first request.
type stateful interface {
	Save() ([]byte, error)
	Load(state []byte) error
}

// closer services hold containers, processes, ports or goroutines.
type closer interface{ Close() error }

// serve puts a service on the wire, and has it saved and closed if it can be.
func (s *Server) serve(name string, service wired) {
	s.mux.Add(service.Wire())
	s.own(name, service)
}

// own has something indexed by its tags, saved (under name) and closed with the server, if it can be.
func (s *Server) own(name string, thing any) {
	if source, ok := thing.(tagging.Source); ok {
		s.Tagging.Add(source)
	}
	if keeper, ok := thing.(stateful); ok {
		s.states = append(s.states, state{name, keeper})
	}
	if c, ok := thing.(closer); ok {
		s.closers = append(s.closers, c)
	}
}
