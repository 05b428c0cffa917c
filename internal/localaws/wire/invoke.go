package wire

import (
	"context"
	"fmt"
	"maps"
	"slices"
)

// Invoke calls an operation from inside local AWS, as a service principal would. The input is JSON whose members the
// given function spells.
func (m *Mux) Invoke(ctx context.Context, service, operation string, input []byte, spell func(owner, field string) string) (any, error) {
	s, op, err := m.find(service, operation)
	if err != nil {
		return nil, err
	}
	in, err := decodeNamed(op.input, input, spell)
	if err != nil {
		return nil, s.malformed(err)
	}
	call := Call{Service: service, Operation: operation, Caller: Caller(ctx), Input: in, InProcess: true}
	return m.around(ctx, call, func() (any, error) { return op.invoke(ctx, in) })
}

// Check tells whether Invoke would understand the input: the operation is there, and has every member that is given.
func (m *Mux) Check(service, operation string, input []byte, spell func(owner, field string) string) error {
	_, op, err := m.find(service, operation)
	if err != nil {
		return err
	}
	tree, err := parseJSON(input)
	if err != nil {
		return err
	}
	known := map[string]bool{}
	for _, f := range members(op.input) {
		known[spell(op.input.Name(), f.Name)] = true
	}
	for _, given := range slices.Sorted(maps.Keys(tree.(map[string]any))) { //nolint:forcetypeassert // parseJSON saw to it
		if !known[given] {
			return fmt.Errorf("the field %q is not supported by api %s for the service %s", given, operation, service)
		}
	}
	_, err = decodeNamed(op.input, input, spell)
	return err
}

func (m *Mux) find(service, name string) (*Service, *operation, error) {
	s := m.services[service]
	if s == nil {
		return nil, nil, Errorf("UnknownOperationException", 501, "local AWS has no service %q", service)
	}
	op := s.operations[name]
	if op == nil || op.call == nil {
		return nil, nil, s.unknownOperation(name)
	}
	return s, op, nil
}
