package wire

//go:generate go run gen.go

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
)

// Protocol is one of AWS's wire protocols.
type Protocol int

// The protocols that the suite's services speak.
const (
	JSON10   Protocol = iota // X-Amz-Target, application/x-amz-json-1.0
	JSON11                   // X-Amz-Target, application/x-amz-json-1.1
	Query                    // form in, XML out
	EC2                      // the same in EC2's own way
	RPCv2                    // CBOR on /service/…/operation/…
	RESTJSON                 // operation by method and path, JSON body
	RESTXML                  // operation by method and path, XML body
)

// ServiceInfo says how a service is addressed and spoken to.
type ServiceInfo struct {
	Name         string // signing name of the credential scope: "ecs", "monitoring", "elasticloadbalancing"
	Protocol     Protocol
	TargetPrefix string // JSON: what stands before the dot in X-Amz-Target; RPCv2: the service's shape name
	LowerCamel   bool   // members are lowerCamelCase on the wire, else as the SDK's field names
	Namespace    string // Query, EC2 and REST XML: the xmlns of responses
}

// Service is a set of operations. Register them with Handle, HandleREST or HandleHTTP, then add it to a Mux.
type Service struct {
	ServiceInfo
	operations map[string]*operation
	routes     []*route
	broken     error // what was registered wrongly
}

// NewService returns a service without operations.
func NewService(info ServiceInfo) *Service {
	return &Service{ServiceInfo: info, operations: map[string]*operation{}}
}

// Operations lists the operations' names in order.
func (s *Service) Operations() []string {
	names := make([]string, 0, len(s.operations))
	for name := range s.operations {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// operation is one registered function. Either call or raw is set.
type operation struct {
	name   string
	input  reflect.Type // the SDK's input struct
	output reflect.Type // the SDK's output struct
	call   func(ctx context.Context, in any) (any, error)
	raw    func(w http.ResponseWriter, r *http.Request) error
	route  *route

	anonymous bool // needs no signature
}

// Handle registers an operation of an RPC protocol (JSON, Query, RPCv2). A second registration is an error
// that Mux.Err tells.
func Handle[I, O any](s *Service, name string, f func(context.Context, *I) (*O, error)) {
	s.add(&operation{
		name:   name,
		input:  reflect.TypeFor[I](),
		output: reflect.TypeFor[O](),
		call:   func(ctx context.Context, in any) (any, error) { return f(ctx, in.(*I)) },
	})
}

// AllowAnonymous lets a registered operation be called without a signature (STS AssumeRoleWithWebIdentity).
func (s *Service) AllowAnonymous(name string) {
	if op := s.operations[name]; op != nil {
		op.anonymous = true
	} else {
		s.broken = errors.Join(s.broken, fmt.Errorf("operation %s of service %s is not registered", name, s.Name))
	}
}

func (s *Service) add(op *operation) {
	if _, twice := s.operations[op.name]; twice {
		s.broken = errors.Join(s.broken, fmt.Errorf("operation %s of service %s is registered twice", op.name, s.Name))
	}
	s.operations[op.name] = op
}

// invoke calls the operation, a typed nil output counting as none.
func (op *operation) invoke(ctx context.Context, in any) (any, error) {
	out, err := op.call(ctx, in)
	if err != nil {
		return nil, err
	}
	if v := reflect.ValueOf(out); !v.IsValid() || v.IsNil() {
		return reflect.New(op.output).Interface(), nil
	}
	return out, nil
}
