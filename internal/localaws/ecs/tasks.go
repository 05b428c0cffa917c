package ecs

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

const noCapacity = "Capacity is unavailable at this time. Please try again later or in a different availability zone"

// RunTask starts tasks of their own.
func (s *Service) RunTask(ctx context.Context, in *ecs.RunTaskInput) (*ecs.RunTaskOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.cluster(ctx, in.Cluster)
	if err != nil {
		return nil, err
	}
	def, err := s.usable(ctx, in.TaskDefinition)
	if err != nil {
		return nil, err
	}
	if def.NetworkMode == types.NetworkModeAwsvpc && in.NetworkConfiguration == nil {
		return nil, invalid("Network Configuration must be provided when networkMode 'awsvpc' is specified.")
	}
	count := int32(1)
	if in.Count != nil {
		count = *in.Count
	}
	if count < 1 || count > 10 {
		return nil, invalid("count must be between 1 and 10")
	}
	if err := checkOverrides(def, in.Overrides); err != nil {
		return nil, err
	}
	out := &ecs.RunTaskOutput{Tasks: []types.Task{}, Failures: []types.Failure{}}
	asked := asked(*in)
	if known, err := c.ranWith(aws.ToString(in.ClientToken), asked); known != nil || err != nil {
		out.Tasks = known
		return out, err
	}
	group := cmp.Or(aws.ToString(in.Group), "family:"+*def.Family)
	for range count {
		if s.noCapacity(group, def) {
			out.Failures = append(out.Failures, types.Failure{Reason: aws.String(noCapacity)})
			continue
		}
		t := s.newTask(c, def)
		t.group, t.startedBy, t.overrides, t.tags = group, aws.ToString(in.StartedBy), in.Overrides, in.Tags
		t.token, t.asked, t.network = aws.ToString(in.ClientToken), asked, in.NetworkConfiguration
		t.launch = cmp.Or(in.LaunchType, t.launch)
		out.Tasks = append(out.Tasks, t.describe(nil))
		s.launch(t)
	}
	return out, nil
}

// asked is a request but for its token.
func asked(in ecs.RunTaskInput) string {
	in.ClientToken = nil
	text, _ := json.Marshal(in) // strings and numbers always marshal
	return string(text)
}

// ranWith returns the tasks that a client's token has started already, as long as they are known.
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/ECS_Idempotency.html
func (c *cluster) ranWith(token, asked string) ([]types.Task, error) {
	if token == "" {
		return nil, nil
	}
	var known []types.Task
	conflict := &types.ConflictException{Message: aws.String("The provided clientToken is already in use with a different RunTask request.")}
	for _, t := range c.tasks {
		if t.token == token {
			known = append(known, t.describe(nil))
			conflict.ResourceIds = append(conflict.ResourceIds, t.arn)
			if t.asked != asked {
				return nil, conflict
			}
		}
	}
	return known, nil
}

func checkOverrides(def *revision, o *types.TaskOverride) error {
	if o == nil {
		return nil
	}
	for _, c := range o.ContainerOverrides {
		named := func(d types.ContainerDefinition) bool { return *d.Name == aws.ToString(c.Name) }
		if !slices.ContainsFunc(def.ContainerDefinitions, named) {
			return invalid("Override for container named %s is not a container in the TaskDefinition.", aws.ToString(c.Name))
		}
	}
	return nil
}

// StopTask stops a task.
func (s *Service) StopTask(ctx context.Context, in *ecs.StopTaskInput) (*ecs.StopTaskOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.cluster(ctx, in.Cluster)
	if err != nil {
		return nil, err
	}
	t := c.task(aws.ToString(in.Task))
	if t == nil {
		return nil, invalid("The referenced task was not found.")
	}
	s.stopTask(t, types.TaskStopCodeUserInitiated, cmp.Or(aws.ToString(in.Reason), "Task stopped by user"))
	d := t.describe(nil)
	return &ecs.StopTaskOutput{Task: &d}, nil
}

// task finds a task by ID or ARN.
func (c *cluster) task(ref string) *task {
	if strings.HasPrefix(ref, "arn:") {
		if !strings.HasPrefix(ref, strings.Replace(c.arn, ":cluster/", ":task/", 1)+"/") {
			return nil
		}
		ref = ref[strings.LastIndex(ref, "/")+1:]
	}
	return c.tasks[ref]
}

// DescribeTasks describes tasks; unknown ones are failures with the reason MISSING.
func (s *Service) DescribeTasks(ctx context.Context, in *ecs.DescribeTasksInput) (*ecs.DescribeTasksOutput, error) {
	if len(in.Tasks) == 0 {
		return nil, invalid("Tasks cannot be empty.")
	}
	if len(in.Tasks) > 100 {
		return nil, invalid("Tasks cannot have more than 100 elements.")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.cluster(ctx, in.Cluster)
	if err != nil {
		return nil, err
	}
	out := &ecs.DescribeTasksOutput{Tasks: []types.Task{}, Failures: []types.Failure{}}
	for _, ref := range in.Tasks {
		t := c.task(ref)
		if t == nil {
			if !strings.HasPrefix(ref, "arn:") {
				ref = arnOf(c.caller, "task/%s/%s", c.name, ref)
			}
			out.Failures = append(out.Failures, missing(ref))
			continue
		}
		out.Tasks = append(out.Tasks, t.describe(in.Include))
	}
	return out, nil
}

// ListTasks lists the ARNs of tasks, newest first; desired status RUNNING unless said otherwise.
func (s *Service) ListTasks(ctx context.Context, in *ecs.ListTasksInput) (*ecs.ListTasksOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.cluster(ctx, in.Cluster)
	if err != nil {
		return nil, err
	}
	service := aws.ToString(in.ServiceName)
	if service != "" && c.service(service) == nil {
		return nil, serviceNotFound()
	}
	want := string(cmp.Or(in.DesiredStatus, types.DesiredStatusRunning))
	var found []*task
	for _, t := range c.tasks {
		of := service == "" || t.dep != nil && t.dep.service == c.service(service)
		if of && t.desiredStatus == want &&
			(in.Family == nil || *in.Family == *t.def.Family) &&
			(in.StartedBy == nil || *in.StartedBy == t.startedBy) &&
			(in.LaunchType == "" || in.LaunchType == t.launch) {
			found = append(found, t)
		}
	}
	slices.SortFunc(found, func(a, b *task) int {
		return cmp.Or(b.createdAt.Compare(a.createdAt), cmp.Compare(a.id, b.id))
	})
	all := make([]string, len(found))
	for i, t := range found {
		all[i] = t.arn
	}
	page, next, err := paginate(all, in.MaxResults, in.NextToken)
	return &ecs.ListTasksOutput{TaskArns: page, NextToken: next}, err
}
