package ecsdeploy

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/org/shipkit/pkg/diag"
	"github.com/org/shipkit/pkg/ecsdeploy/taskdef"
)

// services reads and checks the cluster and the services.
func (p *planner) services(ctx context.Context) []types.Service {
	if p.region(); p.problems.HasErrors() {
		return nil
	}
	found, problems := activeServices(ctx, p.c, p.req.Cluster, p.req.Services)
	p.problems.Add(problems...)
	return slices.DeleteFunc(found, func(service types.Service) bool { return deployable(service).HasErrors() })
}

var arnRegion = regexp.MustCompile(`^arn:[^:]+:ecs:([^:]+):`)

// region refuses ARNs of another region: AWS would only say "not found".
func (p *planner) region() {
	for _, arn := range append([]string{p.req.Cluster}, p.req.Services...) {
		if m := arnRegion.FindStringSubmatch(arn); m != nil && p.c.Region != "" && m[1] != p.c.Region {
			p.problems.Errorf("set aws-region to "+m[1]+" where the credentials are configured",
				"%s is in region %s, the credentials are for %s", shortARN(arn), m[1], p.c.Region)
		}
	}
}

// activeServices returns the services in the order of their names, or all
// reasons why they cannot be deployed to.
func activeServices(ctx context.Context, c *Clients, cluster string, names []string) ([]types.Service, diag.List) {
	var problems diag.List
	if out, err := c.Services.DescribeClusters(ctx, &ecs.DescribeClustersInput{Clusters: []string{cluster}}); err != nil {
		if !denied(err) {
			problems.Add(diag.From(inPlainWords(fmt.Errorf("describe cluster %s: %w", cluster, err)))...)
			return nil, problems
		}
	} else if len(out.Clusters) == 0 || aws.ToString(out.Clusters[0].Status) != "ACTIVE" {
		problems.Errorf("check the cluster's name and the region ("+c.Region+")", "cluster %q does not exist or is not ACTIVE", cluster)
		return nil, problems
	}
	var services []types.Service
	for chunk := range slices.Chunk(names, 10) {
		out, err := c.Services.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: aws.String(cluster), Services: chunk})
		if err != nil {
			problems.Add(diag.From(inPlainWords(fmt.Errorf("describe services of cluster %s: %w", cluster, err)))...)
			return nil, problems
		}
		for _, failure := range out.Failures {
			what := aws.ToString(failure.Reason)
			if what == "MISSING" {
				what = "there is none of that name"
			}
			problems.Errorf("check the name in `service` and the cluster",
				"service %q of cluster %q: %s", shortARN(aws.ToString(failure.Arn)), cluster, what)
		}
		services = append(services, out.Services...)
	}
	for _, service := range services {
		problems.Add(deployable(service)...)
	}
	slices.SortStableFunc(services, func(a, b types.Service) int { return indexOf(names, a) - indexOf(names, b) })
	return services, problems
}

func indexOf(names []string, service types.Service) int {
	return slices.IndexFunc(names, func(name string) bool {
		return name == aws.ToString(service.ServiceName) || name == aws.ToString(service.ServiceArn)
	})
}

// deployable says why a service cannot be deployed to.
func deployable(service types.Service) (problems diag.List) {
	name := aws.ToString(service.ServiceName)
	if status := aws.ToString(service.Status); status != "ACTIVE" {
		problems.Errorf("create the service again, or name another", "service %q is %s", name, status)
	}
	if service.SchedulingStrategy == types.SchedulingStrategyDaemon {
		problems.Errorf("update it with the AWS CLI: a DAEMON service has no rollout to follow",
			"service %q has scheduling strategy DAEMON", name)
	}
	if controller(service) == types.DeploymentControllerTypeExternal {
		problems.Errorf("deploy with the external controller, or change the controller to ECS",
			"service %q has deployment controller EXTERNAL", name)
	}
	return problems
}

// source loads the task definition and applies the overrides.
func (p *planner) source(ctx context.Context, services []types.Service) {
	var base *taskdef.Document
	var err error
	registered := p.req.Source.Registered
	switch {
	case p.req.Source.File != "":
		base, err = taskdef.Parse(p.req.Source.File, p.req.Source.Data, p.req.Source.KeepEmpty...)
	case registered == "" && len(services) == 0:
		return // the problems say why there is no service
	case registered == "":
		registered = aws.ToString(services[0].TaskDefinition)
		if base, err = p.describe(ctx, registered); p.inactive[registered] {
			registered = "" // a copy is registered: ECS deploys no revision that is INACTIVE
		}
	default:
		base, registered, err = Revision(ctx, p.c.TaskDefinitions, registered)
	}
	if err != nil {
		p.fail(err)
		return
	}
	p.plan.Target, err = base.Apply(p.req.Overrides)
	if err != nil {
		p.fail(err)
		return
	}
	for _, path := range base.Unknown {
		p.plan.Warnings.Warnf("check the spelling; if ECS knows it, all is well",
			"%s is unknown to this version and is sent as it stands", path)
	}
	if p.plan.Target.Family() == "" {
		p.problems.Errorf("add \"family\" to the task definition", "%s has no family", p.req.Source.File)
	}
	if registered != "" && p.plan.Target.Equal(base) {
		p.plan.TaskDefinition = registered
	}
}

// Revision reads the ACTIVE revision that an ARN, a family or family:revision
// names, and returns its ARN too.
func Revision(ctx context.Context, definitions TaskDefinitions, name string) (*taskdef.Document, string, error) {
	document, definition, err := readRevision(ctx, definitions, name)
	if err != nil {
		return nil, "", err
	}
	arn := aws.ToString(definition.TaskDefinitionArn)
	if definition.Status != types.TaskDefinitionStatusActive {
		return nil, "", &diag.Diagnostic{
			Summary: fmt.Sprintf("task definition %s is %s: ECS cannot deploy it", shortARN(arn), definition.Status),
			Try:     "name another revision, or give the file so that a new one is registered",
		}
	}
	return document, arn, nil
}

// readRevision reads a revision, whatever its state.
func readRevision(ctx context.Context, definitions TaskDefinitions, name string) (*taskdef.Document, *types.TaskDefinition, error) {
	out, err := definitions.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{
		TaskDefinition: aws.String(name), Include: []types.TaskDefinitionField{types.TaskDefinitionFieldTags},
	})
	if hasCode(err, "ClientException") {
		return nil, nil, &diag.Diagnostic{
			Summary: fmt.Sprintf("task definition %s does not exist", shortARN(name)), Err: err,
			Try: "check the name, the revision and the region",
		}
	}
	if err != nil {
		return nil, nil, fmt.Errorf("describe task definition %s: %w", shortARN(name), err)
	}
	document, err := taskdef.FromAPI(out.TaskDefinition, out.Tags)
	if err != nil {
		return nil, nil, fmt.Errorf("read task definition %s: %w", shortARN(name), err)
	}
	return document, out.TaskDefinition, nil
}

// describe reads a revision for comparison, whatever its state, once.
func (p *planner) describe(ctx context.Context, arn string) (*taskdef.Document, error) {
	if document, ok := p.current[arn]; ok {
		return document, nil
	}
	document, definition, err := readRevision(ctx, p.c.TaskDefinitions, arn)
	if err != nil {
		return nil, err
	}
	p.current[arn], p.inactive[arn] = document, definition.Status == types.TaskDefinitionStatusInactive
	return document, nil
}

// images resolves and pins the image of every container.
func (p *planner) images(ctx context.Context) {
	os, arch := p.plan.Target.Platform()
	for _, container := range p.plan.Target.Containers() {
		ref := p.plan.Target.Image(container)
		if ref == "" {
			p.problems.Errorf("set it in the task definition or with images: "+container+"=…", "container %q has no image", container)
			continue
		}
		pinned := strings.Contains(ref, "@sha256:")
		if !pinned && !p.req.PinImages {
			continue
		}
		image, err := p.c.Images.Resolve(ctx, ref, os, arch)
		p.plan.Images[container] = image
		switch {
		case err == nil:
			if p.req.PinImages && !pinned {
				p.plan.Target.SetImage(container, image.Ref)
			}
		case isPlatform(err):
			p.problems.Errorf("build the image for "+os+"/"+arch+", or set runtimePlatform.cpuArchitecture in the task definition",
				"container %q: %v", container, err)
		case pinned && !missing(err):
			// The digest is already exact: the registry only confirms it.
			p.plan.Warnings.Warnf("nothing, if ECS can pull it", "container %q: %s could not be checked: %v", container, ref, summary(err))
			p.plan.Images[container] = Image{Ref: ref, Digest: ref[strings.Index(ref, "@")+1:]}
		default:
			p.fail(err)
		}
	}
	// Pinning may make a registered revision differ from what is wanted.
	if base, err := p.registered(ctx); err == nil && base != nil && !p.plan.Target.Equal(base) {
		p.plan.TaskDefinition = ""
	}
}

func (p *planner) registered(ctx context.Context) (*taskdef.Document, error) {
	if p.plan.TaskDefinition == "" {
		return nil, nil //nolint:nilnil // no revision is no error here
	}
	return p.describe(ctx, p.plan.TaskDefinition)
}
