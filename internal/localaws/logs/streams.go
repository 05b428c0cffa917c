package logs

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"github.com/org/shipkit/internal/localaws/page"
	"github.com/org/shipkit/internal/localaws/wire"
)

// CreateLogStream creates a stream in a group.
func (s *Service) CreateLogStream(ctx context.Context, in *cloudwatchlogs.CreateLogStreamInput) (*cloudwatchlogs.CreateLogStreamOutput, error) {
	name := aws.ToString(in.LogStreamName)
	if name == "" || len(name) > 512 || strings.ContainsAny(name, ":*") {
		return nil, invalid("1 validation error detected: Value '%s' at 'logStreamName' failed to satisfy constraint: "+
			"Member must satisfy regular expression pattern: [^:*]*", name)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.group(wire.Caller(ctx), aws.ToString(in.LogGroupName))
	if err != nil {
		return nil, err
	}
	if g.Streams[name] != nil {
		return nil, wire.Errorf("ResourceAlreadyExistsException", 400, "The specified log stream already exists")
	}
	g.Streams[name] = &stream{Name: name, Created: s.clock.Now()}
	return &cloudwatchlogs.CreateLogStreamOutput{}, nil
}

// DeleteLogStream removes a stream.
func (s *Service) DeleteLogStream(ctx context.Context, in *cloudwatchlogs.DeleteLogStreamInput) (*cloudwatchlogs.DeleteLogStreamOutput, error) {
	id := wire.Caller(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	st, err := s.stream(id, aws.ToString(in.LogGroupName), aws.ToString(in.LogStreamName))
	if err != nil {
		return nil, err
	}
	delete(s.groups[key(id, *in.LogGroupName)].Streams, st.Name)
	return &cloudwatchlogs.DeleteLogStreamOutput{}, nil
}

// DescribeLogStreams lists streams by name, or by their last event.
func (s *Service) DescribeLogStreams(ctx context.Context, in *cloudwatchlogs.DescribeLogStreamsInput) (*cloudwatchlogs.DescribeLogStreamsOutput, error) {
	byTime := in.OrderBy == types.OrderByLastEventTime
	if byTime && in.LogStreamNamePrefix != nil {
		return nil, invalid("Cannot order by LastEventTime with a logStreamNamePrefix.")
	}
	id := wire.Caller(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.group(id, aws.ToString(in.LogGroupName))
	if err != nil {
		return nil, err
	}
	var found []types.LogStream
	for _, st := range g.Streams {
		if strings.HasPrefix(st.Name, aws.ToString(in.LogStreamNamePrefix)) {
			found = append(found, st.render(id, g.Name))
		}
	}
	slices.SortFunc(found, func(a, b types.LogStream) int {
		if byTime {
			return cmp.Compare(aws.ToInt64(a.LastEventTimestamp), aws.ToInt64(b.LastEventTimestamp))
		}
		return strings.Compare(*a.LogStreamName, *b.LogStreamName)
	})
	if aws.ToBool(in.Descending) {
		slices.Reverse(found)
	}
	items, next, err := page.Cut(found, in.NextToken, page.Size(in.Limit, 50), "InvalidParameterException")
	if err != nil {
		return nil, err
	}
	return &cloudwatchlogs.DescribeLogStreamsOutput{LogStreams: items, NextToken: next}, nil
}

func (st *stream) render(id wire.Identity, group string) types.LogStream {
	out := types.LogStream{LogStreamName: &st.Name, CreationTime: aws.Int64(st.Created.UnixMilli()),
		Arn: aws.String(id.Resource("logs", "log-group:"+group+":log-stream:"+st.Name))}
	if n := len(st.Events); n > 0 {
		out.FirstEventTimestamp, out.LastEventTimestamp = &st.Events[0].Time, &st.Events[n-1].Time
		out.LastIngestionTime = &st.Events[n-1].Ingested
	}
	return out
}
