package ecs

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/org/shipkit/internal/localaws/container"
)

// specs resolves everything that a task's containers need: secrets, log groups, images. In the order of t.containers.
func (s *Service) specs(ctx context.Context, t *task) ([]container.Spec, error) {
	specs := make([]container.Spec, len(t.containers))
	for i, c := range t.containers {
		env, err := s.environment(t, c)
		if err != nil {
			return nil, err
		}
		log, err := s.logger(t, c)
		if err != nil {
			return nil, err
		}
		specs[i] = container.Spec{
			Name: *c.def.Name, Entrypoint: c.def.EntryPoint, Command: c.def.Command, Env: env, Log: log,
			WorkingDir: aws.ToString(c.def.WorkingDirectory), User: aws.ToString(c.def.User),
			ReadOnly: aws.ToBool(c.def.ReadonlyRootFilesystem), Memory: memory(t, c),
		}
		if o := t.override(*c.def.Name); o != nil && o.Command != nil {
			specs[i].Command = o.Command
		}
	}
	for i, c := range t.containers {
		img, err := s.pull(ctx, t, c)
		if err != nil {
			return nil, err
		}
		specs[i].Image = img
	}
	return specs, nil
}

// pull brings a container's image here. All tasks of a service revision use the digest that its first task found, as on
// AWS: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-type-ecs.html (version consistency).
func (s *Service) pull(ctx context.Context, t *task, c *containerState) (container.Image, error) {
	ref, platform := *c.def.Image, t.platform()
	s.mu.Lock()
	if t.dep != nil && t.dep.rev.digests[*c.def.Name] != "" {
		ref = repositoryOf(ref) + "@" + t.dep.rev.digests[*c.def.Name]
	}
	if t.fault != nil && t.fault.Kind == FaultArchitecture {
		platform = "linux/s390x"
	}
	s.mu.Unlock()
	img, err := s.Engine.Pull(ctx, ref, platform)
	if err != nil {
		if ctx.Err() != nil {
			return img, fmt.Errorf("pull %s: %w", ref, ctx.Err())
		}
		var pull *container.PullError
		if errors.As(err, &pull) {
			err = pull
		}
		return img, &failure{container: c, reason: "CannotPullContainerError: " + err.Error()}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c.digest = img.Digest
	if t.dep != nil {
		t.dep.rev.digests[*c.def.Name] = img.Digest
	}
	return img, nil
}

// repositoryOf is an image reference without tag and digest.
func repositoryOf(ref string) string {
	ref, _, _ = strings.Cut(ref, "@")
	if i := strings.LastIndex(ref, ":"); i > strings.LastIndex(ref, "/") {
		ref = ref[:i]
	}
	return ref
}

// memory is a container's hard limit in bytes.
func memory(t *task, c *containerState) int64 {
	if c.def.Memory != nil {
		return int64(*c.def.Memory) << 20
	}
	mib, err := strconv.ParseInt(aws.ToString(t.def.Memory), 10, 64)
	if err != nil {
		return 0
	}
	return mib << 20
}

// override is what RunTask changed for a container, or nil.
func (t *task) override(name string) *types.ContainerOverride {
	if t.overrides == nil {
		return nil
	}
	for i := range t.overrides.ContainerOverrides {
		if aws.ToString(t.overrides.ContainerOverrides[i].Name) == name {
			return &t.overrides.ContainerOverrides[i]
		}
	}
	return nil
}

// environment is a container's variables: of the definition, of its secrets, of the override.
func (s *Service) environment(t *task, c *containerState) ([]string, error) {
	env := map[string]string{}
	for _, kv := range c.def.Environment {
		env[aws.ToString(kv.Name)] = aws.ToString(kv.Value)
	}
	for _, secret := range c.def.Secrets {
		value, err := s.secret(t, aws.ToString(secret.ValueFrom))
		if err != nil {
			return nil, err
		}
		env[aws.ToString(secret.Name)] = value
	}
	if o := t.override(*c.def.Name); o != nil {
		for _, kv := range o.Environment {
			env[aws.ToString(kv.Name)] = aws.ToString(kv.Value)
		}
	}
	list := make([]string, 0, len(env))
	for _, key := range slices.Sorted(maps.Keys(env)) {
		list = append(list, key+"="+env[key])
	}
	return list, nil
}

// secret reads a secret of SSM or of Secrets Manager.
func (s *Service) secret(t *task, ref string) (string, error) {
	const failed = "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: "
	const retried = "service call has been retried 1 time(s): "
	if strings.HasPrefix(ref, "arn:aws:secretsmanager:") {
		value, err := lookUp(s.Secrets, t, ref)
		if err != nil {
			return "", &failure{reason: failed + "unable to retrieve secret from asm: " + retried +
				fmt.Sprintf("failed to fetch secret %s from secrets manager: %v", ref, err)}
		}
		return value, nil
	}
	value, err := lookUp(s.Parameters, t, ref)
	if err != nil {
		_, name, ok := strings.Cut(ref, ":parameter")
		if !ok {
			name = ref
		}
		return "", &failure{reason: failed + "unable to retrieve secrets from ssm: " + retried + "invalid ssm parameters: " + name}
	}
	return value, nil
}

func lookUp(store Values, t *task, ref string) (string, error) {
	if store == nil {
		return "", errors.New("local AWS runs without this service")
	}
	return store.Value(t.cluster.caller, ref) //nolint:wrapcheck // the caller adds AWS's words
}

// logger is where a container's output goes, or nil.
func (s *Service) logger(t *task, c *containerState) (func(string), error) {
	config := c.def.LogConfiguration
	if config == nil || config.LogDriver != types.LogDriverAwslogs || s.Logs == nil {
		return nil, nil //nolint:nilnil // no logger is no error
	}
	group, id := config.Options["awslogs-group"], t.cluster.caller
	if region := config.Options["awslogs-region"]; region != "" {
		id.Region = region
	}
	if config.Options["awslogs-create-group"] != "true" && !s.Logs.HasGroup(id, group) {
		return nil, &failure{reason: "ResourceInitializationError: failed to validate logger args: create stream has been retried " +
			"1 times: failed to create Cloudwatch log stream: ResourceNotFoundException: The specified log group does not exist. " +
			": exit status 1"}
	}
	stream := t.id
	if prefix := config.Options["awslogs-stream-prefix"]; prefix != "" {
		stream = prefix + "/" + *c.def.Name + "/" + t.id
	}
	return func(line string) { s.Logs.Append(id, group, stream, s.Clock.Now(), line) }, nil
}
