// Package logs is CloudWatch Logs: groups, streams, and events that stay as they came.
// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/
package logs

import (
	"sync"
	"time"

	"github.com/org/shipkit/internal/localaws/kept"
	"github.com/org/shipkit/internal/localaws/wire"
)

// Clock tells the simulated time.
type Clock interface{ Now() time.Time }

// Service is CloudWatch Logs.
type Service struct {
	kept.State

	clock Clock

	mu     sync.Mutex
	groups map[string]*group // by account/region and name
}

type group struct {
	Name      string
	Created   time.Time
	Retention *int32 // days
	KMSKeyID  *string
	Tags      map[string]string
	Streams   map[string]*stream
}

type stream struct {
	Name    string
	Created time.Time
	Events  []event // by time, then as they came
}

type event struct {
	Time     int64 // milliseconds since the epoch
	Ingested int64
	Message  string
}

// New returns a service without groups.
func New(c Clock) *Service {
	s := &Service{clock: c, groups: map[string]*group{}}
	s.State = kept.Of(&s.mu, &s.groups)
	return s
}

// Wire puts the service on the wire.
func (s *Service) Wire() *wire.Service {
	w := wire.NewService(wire.ServiceInfo{Name: "logs", Protocol: wire.JSON11, TargetPrefix: "Logs_20140328", LowerCamel: true})
	wire.Handle(w, "CreateLogGroup", s.CreateLogGroup)
	wire.Handle(w, "DeleteLogGroup", s.DeleteLogGroup)
	wire.Handle(w, "DescribeLogGroups", s.DescribeLogGroups)
	wire.Handle(w, "PutRetentionPolicy", s.PutRetentionPolicy)
	wire.Handle(w, "DeleteRetentionPolicy", s.DeleteRetentionPolicy)
	wire.Handle(w, "TagResource", s.TagResource)
	wire.Handle(w, "UntagResource", s.UntagResource)
	wire.Handle(w, "ListTagsForResource", s.ListTagsForResource)
	wire.Handle(w, "CreateLogStream", s.CreateLogStream)
	wire.Handle(w, "DeleteLogStream", s.DeleteLogStream)
	wire.Handle(w, "DescribeLogStreams", s.DescribeLogStreams)
	wire.Handle(w, "PutLogEvents", s.PutLogEvents)
	wire.Handle(w, "GetLogEvents", s.GetLogEvents)
	wire.Handle(w, "FilterLogEvents", s.FilterLogEvents)
	return w
}

func key(id wire.Identity, name string) string { return id.Scope() + " " + name }

func (s *Service) group(id wire.Identity, name string) (*group, error) {
	if g := s.groups[key(id, name)]; g != nil {
		return g, nil
	}
	return nil, wire.Errorf("ResourceNotFoundException", 400, "The specified log group does not exist.")
}

func (s *Service) stream(id wire.Identity, groupName, name string) (*stream, error) {
	g, err := s.group(id, groupName)
	if err != nil {
		return nil, err
	}
	if st := g.Streams[name]; st != nil {
		return st, nil
	}
	return nil, wire.Errorf("ResourceNotFoundException", 400, "The specified log stream does not exist.")
}

func invalid(format string, args ...any) error {
	return wire.Errorf("InvalidParameterException", 400, format, args...)
}
