package logs

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"github.com/org/shipkit/internal/localaws/page"
	"github.com/org/shipkit/internal/localaws/wire"
)

var validName = regexp.MustCompile(`^[a-zA-Z0-9_/.#-]{1,512}$`)

// retentions are the days that PutRetentionPolicy takes.
var retentions = []int32{1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}

// CreateLogGroup creates a group.
func (s *Service) CreateLogGroup(ctx context.Context, in *cloudwatchlogs.CreateLogGroupInput) (*cloudwatchlogs.CreateLogGroupOutput, error) {
	name := aws.ToString(in.LogGroupName)
	if !validName.MatchString(name) {
		return nil, invalid("1 validation error detected: Value '%s' at 'logGroupName' failed to satisfy constraint: "+
			"Member must satisfy regular expression pattern: [\\.\\-_/#A-Za-z0-9]+", name)
	}
	id := wire.Caller(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.groups[key(id, name)] != nil {
		return nil, wire.Errorf("ResourceAlreadyExistsException", 400, "The specified log group already exists")
	}
	g := &group{Name: name, Created: s.clock.Now(), KMSKeyID: in.KmsKeyId, Tags: map[string]string{}, Streams: map[string]*stream{}}
	for k, v := range in.Tags {
		g.Tags[k] = v
	}
	s.groups[key(id, name)] = g
	return &cloudwatchlogs.CreateLogGroupOutput{}, nil
}

// DeleteLogGroup removes a group with its streams.
func (s *Service) DeleteLogGroup(ctx context.Context, in *cloudwatchlogs.DeleteLogGroupInput) (*cloudwatchlogs.DeleteLogGroupOutput, error) {
	id := wire.Caller(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.group(id, aws.ToString(in.LogGroupName))
	if err != nil {
		return nil, err
	}
	delete(s.groups, key(id, g.Name))
	return &cloudwatchlogs.DeleteLogGroupOutput{}, nil
}

// DescribeLogGroups lists groups by prefix or pattern.
func (s *Service) DescribeLogGroups(ctx context.Context, in *cloudwatchlogs.DescribeLogGroupsInput) (*cloudwatchlogs.DescribeLogGroupsOutput, error) {
	if in.LogGroupNamePrefix != nil && in.LogGroupNamePattern != nil {
		return nil, invalid("LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.")
	}
	id := wire.Caller(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []types.LogGroup
	for k, g := range s.groups {
		if strings.HasPrefix(k, id.Scope()+" ") && strings.HasPrefix(g.Name, aws.ToString(in.LogGroupNamePrefix)) &&
			strings.Contains(strings.ToLower(g.Name), strings.ToLower(aws.ToString(in.LogGroupNamePattern))) {
			found = append(found, g.render(id))
		}
	}
	slices.SortFunc(found, func(a, b types.LogGroup) int { return strings.Compare(*a.LogGroupName, *b.LogGroupName) })
	items, next, err := page.Cut(found, in.NextToken, page.Size(in.Limit, 50), "InvalidParameterException")
	if err != nil {
		return nil, err
	}
	return &cloudwatchlogs.DescribeLogGroupsOutput{LogGroups: items, NextToken: next}, nil
}

func (g *group) render(id wire.Identity) types.LogGroup {
	arn := id.Resource("logs", "log-group:"+g.Name)
	var bytes int64
	for _, st := range g.Streams {
		for _, e := range st.Events {
			bytes += int64(len(e.Message)) + 26 // as AWS counts
		}
	}
	return types.LogGroup{LogGroupName: &g.Name, Arn: aws.String(arn + ":*"), LogGroupArn: &arn, KmsKeyId: g.KMSKeyID,
		CreationTime: aws.Int64(g.Created.UnixMilli()), RetentionInDays: g.Retention, StoredBytes: &bytes,
		MetricFilterCount: aws.Int32(0), LogGroupClass: types.LogGroupClassStandard}
}

// PutRetentionPolicy sets how many days events stay. Local AWS keeps them all: nothing here lives that long.
func (s *Service) PutRetentionPolicy(ctx context.Context, in *cloudwatchlogs.PutRetentionPolicyInput) (
	*cloudwatchlogs.PutRetentionPolicyOutput, error) {
	if in.RetentionInDays == nil || !slices.Contains(retentions, *in.RetentionInDays) {
		return nil, invalid("1 validation error detected: Value at 'retentionInDays' failed to satisfy constraint: "+
			"Member must satisfy enum value set: %v", retentions)
	}
	return &cloudwatchlogs.PutRetentionPolicyOutput{}, s.retain(ctx, in.LogGroupName, in.RetentionInDays)
}

// DeleteRetentionPolicy keeps events for ever again.
func (s *Service) DeleteRetentionPolicy(ctx context.Context, in *cloudwatchlogs.DeleteRetentionPolicyInput) (
	*cloudwatchlogs.DeleteRetentionPolicyOutput, error) {
	return &cloudwatchlogs.DeleteRetentionPolicyOutput{}, s.retain(ctx, in.LogGroupName, nil)
}

func (s *Service) retain(ctx context.Context, name *string, days *int32) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.group(wire.Caller(ctx), aws.ToString(name))
	if err == nil {
		g.Retention = days
	}
	return err
}
