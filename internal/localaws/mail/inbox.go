// Package mail is SES and SNS with an inbox behind them, which tests read. Nothing leaves the machine.
// https://docs.aws.amazon.com/ses/latest/APIReference-V2/ and https://docs.aws.amazon.com/sns/latest/api/
package mail

import (
	"crypto/rand"
	"slices"
	"sync"
	"time"

	"github.com/org/shipkit/internal/localaws/wire"
)

// Clock tells the simulated time.
type Clock interface{ Now() time.Time }

// Message is what was sent.
type Message struct {
	ID      string
	At      time.Time // simulated
	Topic   string    // ARN; SNS only
	From    string    // SES only
	To      []string  // with copies and blind copies
	Subject string
	Text    string
	HTML    string
	Raw     []byte // as MIME, if it was sent so
}

// maxMessages bounds the inbox.
const maxMessages = 1000

// Service is both senders over one inbox. WireSES and WireSNS put them on the wire.
type Service struct {
	clock Clock

	mu     sync.Mutex
	inbox  []Message
	topics map[string]*topic // by ARN
}

// New returns an empty inbox.
func New(c Clock) *Service { return &Service{clock: c, topics: map[string]*topic{}} }

// Inbox returns the messages, oldest first.
func (s *Service) Inbox() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.inbox)
}

// deliver keeps a message and returns its ID. The lock is held.
func (s *Service) deliver(m Message) *string {
	m.ID, m.At = rand.Text(), s.clock.Now()
	if len(s.inbox) == maxMessages {
		s.inbox = s.inbox[1:]
	}
	s.inbox = append(s.inbox, m)
	return &m.ID
}

// WireSES puts SES v2 on the wire.
func (s *Service) WireSES() *wire.Service {
	w := wire.NewService(wire.ServiceInfo{Name: "ses", Protocol: wire.RESTJSON})
	wire.HandleREST(w, "SendEmail", wire.Route{Method: "POST", Path: "/v2/email/outbound-emails"}, s.SendEmail)
	wire.HandleREST(w, "CreateEmailIdentity", wire.Route{Method: "POST", Path: "/v2/email/identities"}, s.CreateEmailIdentity)
	return w
}

// WireSNS puts SNS on the wire.
func (s *Service) WireSNS() *wire.Service {
	w := wire.NewService(wire.ServiceInfo{Name: "sns", Protocol: wire.Query, Namespace: "http://sns.amazonaws.com/doc/2010-03-31/"})
	wire.Handle(w, "CreateTopic", s.CreateTopic)
	wire.Handle(w, "DeleteTopic", s.DeleteTopic)
	wire.Handle(w, "ListTopics", s.ListTopics)
	wire.Handle(w, "Publish", s.Publish)
	return w
}
