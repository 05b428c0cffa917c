package wire

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Call is one request on its way to an operation.
type Call struct {
	Service   string // signing name
	Operation string
	Caller    Identity
	Input     any  // pointer to the SDK's input struct; nil for operations that read HTTP themselves
	InProcess bool // made by another local service, not by a client
}

// Around stands between the wire and every operation; next runs the operation. Faults and records live here.
type Around func(ctx context.Context, call Call, next func() (any, error)) (any, error)

// ErrDrop closes the connection without an answer when an Around returns it.
var ErrDrop = errors.New("drop the connection")

// maxBody bounds the requests that are read into memory: CloudFormation's largest template is 1 MB, CloudWatch Logs'
// largest batch too.
const maxBody = 16 << 20

// Mux serves services over HTTP. Set everything up before the first request.
type Mux struct {
	keys     Keyring
	around   Around
	services map[string]*Service
	mounts   *http.ServeMux
	broken   error
}

// NewMux returns a Mux without services. around may be nil.
func NewMux(keys Keyring, around Around) *Mux {
	if around == nil {
		around = func(_ context.Context, _ Call, next func() (any, error)) (any, error) { return next() }
	}
	return &Mux{keys: keys, around: around, services: map[string]*Service{}, mounts: http.NewServeMux()}
}

// Add serves the given services. Look at Err when all are there.
func (m *Mux) Add(services ...*Service) {
	for _, s := range services {
		if m.services[s.Name] != nil {
			m.broken = errors.Join(m.broken, fmt.Errorf("service %s is there twice", s.Name))
		}
		m.broken = errors.Join(m.broken, s.broken)
		m.services[s.Name] = s
	}
}

// Err says what is wrong with the services that were added; nil if nothing is.
func (m *Mux) Err() error { return m.broken }

// Mount serves requests without AWS credentials under a pattern of http.ServeMux, such as "/v2/" for a registry.
func (m *Mux) Mount(pattern string, h http.Handler) { m.mounts.Handle(pattern, h) }

// Service returns a service by its signing name, or nil.
func (m *Mux) Service(name string) *Service { return m.services[name] }

// Services returns all services by their signing names.
func (m *Mux) Services() map[string]*Service { return m.services }

func (m *Mux) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if h, pattern := m.mounts.Handler(r); pattern != "" && r.Header.Get("X-Amz-Date") == "" {
		h.ServeHTTP(w, r)
		return
	}
	requestID := rand.Text()
	w.Header().Set("X-Amzn-RequestId", requestID)
	s, err := m.serve(w, r, requestID)
	switch {
	case errors.Is(err, ErrDrop):
		panic(http.ErrAbortHandler) // net/http's way to hang up
	case err != nil:
		s.encodeError(w, asError(s.Name, err), requestID)
	}
}

// unknown answers in place of a service that is not there, in the protocol that the request seems to speak.
func unknown(r *http.Request) *Service {
	protocol := JSON11
	switch {
	case strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded"):
		protocol = Query
	case r.Header.Get("Content-Type") == "application/cbor":
		protocol = RPCv2
	}
	return &Service{ServiceInfo: ServiceInfo{Protocol: protocol}}
}

// serve returns the service whose protocol an error is to be told in.
func (m *Mux) serve(w http.ResponseWriter, r *http.Request, requestID string) (*Service, error) {
	sig, sigErr := parseSignature(r)
	s := m.services[sig.service]
	if sigErr != nil {
		s = m.anonymous(r)
	}
	if s == nil {
		return m.noService(r, sig, sigErr)
	}
	op, labels, body, err := s.read(r)
	if err != nil && sigErr != nil {
		return s, denied(s.Protocol, sigErr)
	}
	if err != nil {
		return s, err
	}
	caller, err := m.identify(r, s, op, sig, sigErr, body)
	if err != nil {
		return s, err
	}
	ctx := WithCaller(r.Context(), caller)
	call := Call{Service: s.Name, Operation: op.name, Caller: caller}
	if body, err = inflate(r, body); err != nil {
		return s, s.malformed(err)
	}
	if op.raw != nil {
		_, err := m.around(ctx, call, func() (any, error) { return nil, op.raw(w, r.WithContext(ctx)) })
		return s, err
	}
	if call.Input, err = s.decodeInput(op, labels, r, body); err != nil {
		return s, err
	}
	out, err := m.around(ctx, call, func() (any, error) { return op.invoke(ctx, call.Input) })
	if err != nil {
		return s, err
	}
	s.encodeOutput(w, op, out, requestID)
	return s, nil
}

// read finds the operation and takes the body into memory, except for operations that stream it.
func (s *Service) read(r *http.Request) (*operation, map[string]string, []byte, error) {
	if s.Protocol == RESTJSON || s.Protocol == RESTXML {
		op, labels := s.find(r)
		if op == nil {
			return nil, nil, nil, s.unknownOperation(r.Method + " " + r.URL.Path)
		}
		if op.raw != nil {
			return op, labels, nil, nil
		}
		body, err := readBody(r)
		return op, labels, body, err
	}
	body, err := readBody(r)
	if err != nil {
		return nil, nil, nil, err
	}
	name := s.operationName(r, body)
	op := s.operations[name]
	if op == nil {
		return nil, nil, nil, s.unknownOperation(name)
	}
	return op, nil, body, nil
}

func readBody(r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		return nil, Errorf("RequestTimeout", http.StatusBadRequest, "The body could not be read: %v", err)
	}
	if len(body) > maxBody {
		return nil, Errorf("RequestEntityTooLarge", http.StatusRequestEntityTooLarge,
			"The body is larger than %d bytes.", maxBody)
	}
	return body, nil
}

// inflate undoes a compressed body, after its signature was checked as it was sent.
func inflate(r *http.Request, body []byte) ([]byte, error) {
	if r.Header.Get("Content-Encoding") != "gzip" {
		return body, nil
	}
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("the body is not gzip: %w", err)
	}
	plain, err := io.ReadAll(io.LimitReader(z, maxBody))
	if err != nil {
		return nil, fmt.Errorf("the body is not gzip: %w", err)
	}
	return plain, nil
}

func (s *Service) operationName(r *http.Request, body []byte) string {
	switch s.Protocol {
	case Query, EC2:
		form, _ := url.ParseQuery(string(body)) // a broken form has no Action, or fails again when decoded
		return form.Get("Action")
	case RPCv2:
		return r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
	default:
		target := r.Header.Get("X-Amz-Target")
		return target[strings.LastIndex(target, ".")+1:]
	}
}

// unknownOperation names what is missing: the real code of the protocol, and a message that cannot be misread.
func (s *Service) unknownOperation(name string) *Error {
	if name == "" {
		return Errorf("MissingAction", http.StatusBadRequest, "the request to service %q names no operation: "+
			"it lacks the header X-Amz-Target, or a form the field Action", s.Name)
	}
	code := "UnknownOperationException"
	if s.Protocol == Query || s.Protocol == EC2 || s.Protocol == RESTXML {
		code = "InvalidAction"
	}
	return Errorf(code, http.StatusNotImplemented, "local AWS has no operation %q in service %q; it has: %s",
		name, s.Name, strings.Join(s.Operations(), ", "))
}

func (m *Mux) noService(r *http.Request, sig signature, err error) (*Service, error) {
	s := unknown(r)
	if err != nil {
		return s, denied(s.Protocol, err)
	}
	return s, Errorf("UnknownOperationException", http.StatusNotImplemented, "local AWS has no service %q; it has: %s",
		sig.service, strings.Join(slices.Sorted(maps.Keys(m.services)), ", "))
}

func (m *Mux) identify(r *http.Request, s *Service, op *operation, sig signature, sigErr error, body []byte) (Identity, error) {
	if sigErr != nil {
		if op.anonymous {
			return Identity{AccountID: DefaultAccount, Region: DefaultRegion}, nil
		}
		return Identity{}, denied(s.Protocol, sigErr)
	}
	if r.ContentLength >= 0 {
		r.Header.Set("X-Local-Content-Length", strconv.FormatInt(r.ContentLength, 10))
	}
	id, err := sig.authenticate(r, body, m.keys)
	if err != nil {
		return id, denied(s.Protocol, err)
	}
	return id, nil
}

// anonymous finds the service of a request without a signature: only STS has such operations, and they are forms.
func (m *Mux) anonymous(r *http.Request) *Service {
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		return m.services["sts"]
	}
	return nil
}
