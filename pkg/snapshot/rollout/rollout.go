// Package rollout moves ECS services from one database version to another: it
// is what a promotion deploys with.
//
// A service finds its database through secrets of its task definition that
// refer to the version's parameters /<namespace>/db/<timestamp>/*. Those never
// change, so a task that restarts in the middle of a promotion still reaches
// the database that its revision was made for.
package rollout

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/org/shipkit/pkg/diag"
	"github.com/org/shipkit/pkg/ecsdeploy"
	"github.com/org/shipkit/pkg/ecsdeploy/taskdef"
	"github.com/org/shipkit/pkg/namespace"
	"github.com/org/shipkit/pkg/progress"
	"github.com/org/shipkit/pkg/snapshot"
)

// Binding is a variable of the containers that holds a fact about the
// database: endpoint, port, name or kind.
type Binding struct{ Variable, Fact string }

// Services is the Deployer of a promotion.
type Services struct {
	Clients   *ecsdeploy.Clients
	Namespace namespace.Namespace
	Cluster   string
	Names     []string
	// Containers get the bindings; without any, all of a task definition's do.
	Containers []string
	Bindings   []Binding
	Wait       ecsdeploy.Wait
	Progress   progress.Func
}

var _ snapshot.Deployer = Services{}

// Problems implements snapshot.Deployer.
func (s Services) Problems(ctx context.Context) (problems diag.List, err error) {
	out, err := s.Clients.Services.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: &s.Cluster, Services: s.Names})
	var missing *types.ClusterNotFoundException
	if errors.As(err, &missing) {
		problems.Errorf("check the name and the region", "input cluster: cluster %q is not there", s.Cluster)
		return problems, nil
	}
	if err != nil {
		return nil, fmt.Errorf("describe services of cluster %s: %w", s.Cluster, err)
	}
	for _, name := range s.Names {
		i := slices.IndexFunc(out.Services, func(service types.Service) bool {
			return aws.ToString(service.ServiceName) == name && aws.ToString(service.Status) == "ACTIVE"
		})
		switch {
		case i < 0:
			problems.Errorf("list them with: aws ecs list-services --cluster "+s.Cluster,
				"input services: service %q is not in cluster %q", name, s.Cluster)
		case out.Services[i].DesiredCount == 0:
			problems.Errorf("scale it to 1 or more first",
				"input services: service %q has desired count 0: no task would show that the new database works", name)
		}
	}
	return problems, nil
}

// Serves implements snapshot.Deployer.
func (s Services) Serves(ctx context.Context, ts namespace.Timestamp) (bool, error) {
	reports, err := ecsdeploy.Read(ctx, s.Clients, s.Cluster, s.Names)
	if err != nil {
		return false, fmt.Errorf("look at the services: %w", err)
	}
	for _, report := range reports {
		used, err := s.version(ctx, report.TaskDefinition)
		if err != nil || used != ts {
			return false, err
		}
		if report.Snapshot.Status != types.ServiceDeploymentStatusSuccessful {
			return false, nil
		}
	}
	return true, nil
}

// Deploy implements snapshot.Deployer. Each service gets a revision of its own
// task definition.
func (s Services) Deploy(ctx context.Context, ts namespace.Timestamp, again bool) error {
	for _, name := range s.Names {
		if err := s.deploy(ctx, name, ts, again); err != nil {
			return fmt.Errorf("deploy service %s against database %s: %w", name, ts, err)
		}
	}
	if len(s.Names) == 1 {
		return nil // its verdict has just come
	}
	serve, err := s.Serves(ctx, ts)
	if err == nil && !serve {
		err = fmt.Errorf("deploy services %s against database %s: one of them was deployed anew meanwhile", strings.Join(s.Names, ", "), ts)
	}
	return err
}

func (s Services) deploy(ctx context.Context, name string, ts namespace.Timestamp, again bool) error {
	seen, err := s.look(ctx, name, ts)
	if err != nil {
		return err
	}
	document := seen.document
	request := ecsdeploy.Request{Cluster: s.Cluster, Services: []string{name}, Wait: s.Wait}
	if again {
		// A run that died may have registered the revision already.
		last, err := s.version(ctx, document.Family())
		if err != nil {
			return err
		}
		if last == ts {
			request.Source.Registered = document.Family()
		}
	}
	if request.Overrides.Containers = s.Containers; len(s.Containers) == 0 {
		request.Overrides.Containers = document.Containers()
	}
	for _, binding := range s.Bindings {
		request.Overrides.Secrets = append(request.Overrides.Secrets, taskdef.Pair{
			Name: binding.Variable, Value: s.Namespace.Version(ts, binding.Fact),
		})
	}
	plan, err := ecsdeploy.NewPlan(ctx, seen.clients(s.Clients), request)
	if err != nil {
		return err //nolint:wrapcheck // Deploy says of which service
	}
	return s.apply(ctx, plan)
}

func (s Services) apply(ctx context.Context, plan *ecsdeploy.Plan) error {
	result, err := ecsdeploy.Apply(ctx, s.Clients, plan, ecsdeploy.Hooks{Progress: s.Progress})
	return errors.Join(err, result.Err())
}

// Restore implements snapshot.Deployer: services that refer to ts, or are on
// the way there, go back to what they ran before.
func (s Services) Restore(ctx context.Context, ts namespace.Timestamp) error {
	for _, name := range s.Names {
		used, err := s.used(ctx, []string{name})
		if err != nil {
			return err
		}
		if !contains(used, ts) {
			continue
		}
		plan, err := ecsdeploy.NewRollbackPlan(ctx, s.Clients, ecsdeploy.Request{
			Cluster: s.Cluster, Services: []string{name}, Wait: s.Wait,
		}, ecsdeploy.Previous)
		if err != nil {
			return fmt.Errorf("take service %s back from database %s: %w", name, ts, err)
		}
		// A rollback's verdict may be "rolled back", which is what is wanted
		// here: whether ts is left is looked at, not the verdict.
		applyErr := s.apply(ctx, plan)
		left, err := s.used(ctx, []string{name})
		if err != nil {
			return err
		}
		if contains(left, ts) {
			return errors.Join(fmt.Errorf("service %s still uses database %s", name, ts), applyErr)
		}
	}
	return nil
}

// References implements snapshot.Deployer.
func (s Services) References(ctx context.Context) ([]namespace.Timestamp, error) {
	return s.used(ctx, s.Names)
}

// used returns the versions that the services' deployments refer to, also of
// those that are draining.
func (s Services) used(ctx context.Context, names []string) ([]namespace.Timestamp, error) {
	out, err := s.Clients.Services.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: &s.Cluster, Services: names})
	if err != nil {
		return nil, fmt.Errorf("describe services of cluster %s: %w", s.Cluster, err)
	}
	var versions []namespace.Timestamp
	for _, service := range out.Services {
		definitions := map[string]bool{aws.ToString(service.TaskDefinition): true}
		for _, deployment := range service.Deployments {
			definitions[aws.ToString(deployment.TaskDefinition)] = true
		}
		for definition := range definitions {
			version, err := s.version(ctx, definition)
			if err != nil {
				return nil, err
			}
			if version != "" {
				versions = append(versions, version)
			}
		}
	}
	return versions, nil
}

func contains(list []namespace.Timestamp, ts namespace.Timestamp) bool {
	for _, known := range list {
		if known == ts {
			return true
		}
	}
	return false
}

// version is the database version that a revision refers to, "" if none.
func (s Services) version(ctx context.Context, arn string) (namespace.Timestamp, error) {
	document, err := s.document(ctx, arn)
	if err != nil {
		return "", err
	}
	prefix := s.Namespace.Parameter("db") + "/"
	for _, secret := range document.Secrets() {
		_, rest, found := strings.Cut(secret.From, prefix)
		if !found {
			continue
		}
		text, _, _ := strings.Cut(rest, "/")
		if ts, err := namespace.ParseTimestamp(text); err == nil {
			return ts, nil
		}
	}
	return "", nil
}

func (s Services) document(ctx context.Context, arn string) (*taskdef.Document, error) {
	out, err := s.Clients.TaskDefinitions.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: &arn})
	if err != nil {
		return nil, fmt.Errorf("describe task definition %s: %w", arn, err)
	}
	document, err := taskdef.FromAPI(out.TaskDefinition, nil)
	if err != nil {
		return nil, fmt.Errorf("read task definition %s: %w", arn, err)
	}
	return document, nil
}
