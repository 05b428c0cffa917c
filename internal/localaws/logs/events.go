package logs

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"github.com/org/shipkit/internal/localaws/page"
	"github.com/org/shipkit/internal/localaws/wire"
)

// maxStream bounds what a stream keeps: a chatty container in a shipkit-local that runs for days loses its oldest lines.
const maxStream = 100_000

// Append adds a container's line, creating group and stream if they are missing, as awslogs-create-group and the agent do.
func (s *Service) Append(id wire.Identity, groupName, streamName string, at time.Time, line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.groups[key(id, groupName)]
	if g == nil {
		g = &group{Name: groupName, Created: s.clock.Now(), Tags: map[string]string{}, Streams: map[string]*stream{}}
		s.groups[key(id, groupName)] = g
	}
	st := g.Streams[streamName]
	if st == nil {
		st = &stream{Name: streamName, Created: s.clock.Now()}
		g.Streams[streamName] = st
	}
	st.add(event{Time: at.UnixMilli(), Ingested: s.clock.Now().UnixMilli(), Message: line})
}

// HasGroup says whether a group exists; a task whose group is missing does not start.
func (s *Service) HasGroup(id wire.Identity, name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.groups[key(id, name)] != nil
}

func (st *stream) add(events ...event) {
	st.Events = append(st.Events, events...)
	slices.SortStableFunc(st.Events, func(a, b event) int { return cmp.Compare(a.Time, b.Time) })
	if extra := len(st.Events) - maxStream; extra > 0 {
		st.Events = slices.Delete(st.Events, 0, extra)
	}
}

// PutLogEvents appends a batch.
func (s *Service) PutLogEvents(ctx context.Context, in *cloudwatchlogs.PutLogEventsInput) (*cloudwatchlogs.PutLogEventsOutput, error) {
	if len(in.LogEvents) == 0 {
		return nil, invalid("1 validation error detected: Value '[]' at 'logEvents' failed to satisfy constraint: " +
			"Member must have length greater than or equal to 1")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	st, err := s.stream(wire.Caller(ctx), aws.ToString(in.LogGroupName), aws.ToString(in.LogStreamName))
	if err != nil {
		return nil, err
	}
	now := s.clock.Now().UnixMilli()
	batch := make([]event, 0, len(in.LogEvents))
	for _, e := range in.LogEvents {
		batch = append(batch, event{Time: aws.ToInt64(e.Timestamp), Ingested: now, Message: aws.ToString(e.Message)})
	}
	if !slices.IsSortedFunc(batch, func(a, b event) int { return cmp.Compare(a.Time, b.Time) }) {
		return nil, invalid("Log events in a single PutLogEvents request must be in chronological order.")
	}
	st.add(batch...)
	return &cloudwatchlogs.PutLogEventsOutput{NextSequenceToken: aws.String("unused")}, nil
}

// GetLogEvents pages through a stream. Without a token it begins at the end, unless StartFromHead. Tokens are f/<index>
// and b/<index>; at the end the same token comes back, which tells a client that it has everything.
func (s *Service) GetLogEvents(ctx context.Context, in *cloudwatchlogs.GetLogEventsInput) (*cloudwatchlogs.GetLogEventsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, err := s.stream(wire.Caller(ctx), aws.ToString(in.LogGroupName), aws.ToString(in.LogStreamName))
	if err != nil {
		return nil, err
	}
	events := within(st.Events, in.StartTime, in.EndTime)
	size := page.Size(in.Limit, 10_000)
	from, to := max(0, len(events)-size), len(events)
	switch direction, index, err := parseToken(in.NextToken); {
	case err != nil:
		return nil, err
	case direction == "f":
		from = min(index, len(events))
		to = min(from+size, len(events))
	case direction == "b":
		to = min(index, len(events))
		from = max(0, to-size)
	case aws.ToBool(in.StartFromHead):
		from, to = 0, min(size, len(events))
	}
	out := &cloudwatchlogs.GetLogEventsOutput{Events: []types.OutputLogEvent{},
		NextForwardToken: aws.String("f/" + strconv.Itoa(to)), NextBackwardToken: aws.String("b/" + strconv.Itoa(from))}
	for _, e := range events[from:to] {
		out.Events = append(out.Events, types.OutputLogEvent{Message: aws.String(e.Message), Timestamp: aws.Int64(e.Time),
			IngestionTime: aws.Int64(e.Ingested)})
	}
	return out, nil
}

func parseToken(token *string) (direction string, index int, err error) {
	if token == nil {
		return "", 0, nil
	}
	direction, number, _ := strings.Cut(*token, "/")
	index, convErr := strconv.Atoi(number)
	if convErr != nil || index < 0 || direction != "f" && direction != "b" {
		return "", 0, invalid("The specified nextToken is invalid.")
	}
	return direction, index, nil
}

// within cuts events to [start, end).
func within(events []event, start, end *int64) []event {
	first, last := int64(0), int64(math.MaxInt64)
	if start != nil {
		first = *start
	}
	if end != nil {
		last = *end
	}
	from := slices.IndexFunc(events, func(e event) bool { return e.Time >= first })
	if from < 0 {
		return nil
	}
	events = events[from:]
	if to := slices.IndexFunc(events, func(e event) bool { return e.Time >= last }); to >= 0 {
		return events[:to]
	}
	return events
}

// FilterLogEvents searches a group's streams. Of the pattern language local AWS knows plain words, all of which must
// stand in the message.
func (s *Service) FilterLogEvents(ctx context.Context, in *cloudwatchlogs.FilterLogEventsInput) (*cloudwatchlogs.FilterLogEventsOutput, error) {
	if strings.ContainsAny(aws.ToString(in.FilterPattern), `{}[]"?-%`) {
		return nil, invalid("local AWS filters by plain words only, not by %s", *in.FilterPattern)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.group(wire.Caller(ctx), aws.ToString(in.LogGroupName))
	if err != nil {
		return nil, err
	}
	words := strings.Fields(aws.ToString(in.FilterPattern))
	var found []types.FilteredLogEvent
	for name, st := range g.Streams {
		named := len(in.LogStreamNames) == 0 || slices.Contains(in.LogStreamNames, name)
		if !named || !strings.HasPrefix(name, aws.ToString(in.LogStreamNamePrefix)) {
			continue
		}
		found = append(found, st.search(words, in.StartTime, in.EndTime)...)
	}
	slices.SortStableFunc(found, func(a, b types.FilteredLogEvent) int {
		return cmp.Or(cmp.Compare(*a.Timestamp, *b.Timestamp), strings.Compare(*a.EventId, *b.EventId))
	})
	items, next, err := page.Cut(found, in.NextToken, page.Size(in.Limit, 10_000), "InvalidParameterException")
	if err != nil {
		return nil, err
	}
	return &cloudwatchlogs.FilterLogEventsOutput{Events: items, NextToken: next}, nil
}

func (st *stream) search(words []string, start, end *int64) []types.FilteredLogEvent {
	var found []types.FilteredLogEvent
	for i, e := range within(st.Events, start, end) {
		if slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(e.Message, w) }) {
			continue
		}
		found = append(found, types.FilteredLogEvent{LogStreamName: &st.Name, Message: aws.String(e.Message),
			Timestamp: aws.Int64(e.Time), IngestionTime: aws.Int64(e.Ingested), EventId: aws.String(fmt.Sprintf("%s/%08d", st.Name, i))})
	}
	return found
}
