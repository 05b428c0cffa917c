// Package ssm is Parameter Store: versions, labels, hierarchies, tags.
// https://docs.aws.amazon.com/systems-manager/latest/APIReference/
package ssm

import (
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/org/shipkit/internal/localaws/kept"
	"github.com/org/shipkit/internal/localaws/wire"
)

// Clock tells the simulated time.
type Clock interface{ Now() time.Time }

// Service is Parameter Store.
type Service struct {
	kept.State

	clock Clock

	mu         sync.Mutex
	parameters map[string]*parameter // by account/region and name
	reuse      time.Duration
	deleted    map[string]time.Time // when, by account/region and name
}

// parameter is all versions of one name, oldest first.
type parameter struct {
	Name        string
	Description string
	Type        types.ParameterType
	Tier        types.ParameterTier
	Tags        map[string]string
	Versions    []version
}

type version struct {
	Number   int64
	Value    string
	Type     types.ParameterType
	Modified time.Time
	User     string
	KeyID    string
	Labels   []string
}

// New returns an empty store.
func New(c Clock) *Service {
	s := &Service{clock: c, parameters: map[string]*parameter{}, deleted: map[string]time.Time{}}
	s.State = kept.Of(&s.mu, &s.parameters)
	return s
}

// RefuseReuse refuses from now on a parameter under the name of one that was deleted less than a time ago. AWS does not
// refuse it but asks to wait for 30 s, without a word about what happens otherwise.
// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_DeleteParameter.html
func (s *Service) RefuseReuse(within time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reuse = within
}

// rested returns an error if a name that is to be created was deleted a moment ago.
func (s *Service) rested(k, name string) error {
	at, deleted := s.deleted[k]
	if ago := s.clock.Now().Sub(at); deleted && ago < s.reuse {
		return invalid("Parameter %s was deleted %s ago. Wait for %s to create a parameter with the same name.", name, ago, s.reuse)
	}
	delete(s.deleted, k)
	return nil
}

// remove deletes a parameter.
func (s *Service) remove(k string) {
	delete(s.parameters, k)
	if s.reuse > 0 {
		s.deleted[k] = s.clock.Now()
	}
}

// Wire puts the service on the wire.
func (s *Service) Wire() *wire.Service {
	w := wire.NewService(wire.ServiceInfo{Name: "ssm", Protocol: wire.JSON11, TargetPrefix: "AmazonSSM"})
	wire.Handle(w, "PutParameter", s.PutParameter)
	wire.Handle(w, "GetParameter", s.GetParameter)
	wire.Handle(w, "GetParameters", s.GetParameters)
	wire.Handle(w, "GetParametersByPath", s.GetParametersByPath)
	wire.Handle(w, "GetParameterHistory", s.GetParameterHistory)
	wire.Handle(w, "DescribeParameters", s.DescribeParameters)
	wire.Handle(w, "DeleteParameter", s.DeleteParameter)
	wire.Handle(w, "DeleteParameters", s.DeleteParameters)
	wire.Handle(w, "LabelParameterVersion", s.LabelParameterVersion)
	wire.Handle(w, "AddTagsToResource", s.AddTagsToResource)
	wire.Handle(w, "RemoveTagsFromResource", s.RemoveTagsFromResource)
	wire.Handle(w, "ListTagsForResource", s.ListTagsForResource)
	return w
}

func (p *parameter) latest() *version { return &p.Versions[len(p.Versions)-1] }

func key(id wire.Identity, name string) string { return id.Scope() + " " + name }

func arn(id wire.Identity, name string) string {
	if name != "" && name[0] == '/' {
		return id.Resource("ssm", "parameter"+name)
	}
	return id.Resource("ssm", "parameter/"+name)
}

// notFound is AWS's error, which comes without a message.
func notFound() error { return wire.Errorf("ParameterNotFound", 400, "") }

func invalid(format string, args ...any) error {
	return wire.Errorf("ValidationException", 400, format, args...)
}
