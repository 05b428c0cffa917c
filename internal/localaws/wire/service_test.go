package wire_test

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ecs"

	"github.com/org/shipkit/internal/localaws/wire"
)

func TestWrongRegistrationIsAnError(t *testing.T) {
	list := func(context.Context, *ecs.ListClustersInput) (*ecs.ListClustersOutput, error) { return nil, nil }
	for name, test := range map[string]struct {
		register func(m *wire.Mux, s *wire.Service)
		want     string
	}{
		"as it should be": {func(*wire.Mux, *wire.Service) {}, ""},
		"an operation twice": {func(_ *wire.Mux, s *wire.Service) { wire.Handle(s, "ListClusters", list) },
			"operation ListClusters of service ecs is registered twice"},
		"a service twice": {func(m *wire.Mux, _ *wire.Service) { m.Add(wire.NewService(wire.ServiceInfo{Name: "ecs"})) },
			"service ecs is there twice"},
		"an exemption for nothing": {func(_ *wire.Mux, s *wire.Service) { s.AllowAnonymous("RunTask") },
			"operation RunTask of service ecs is not registered"},
	} {
		t.Run(name, func(t *testing.T) {
			mux := wire.NewMux(ring{}, nil)
			s := wire.NewService(wire.ServiceInfo{Name: "ecs", Protocol: wire.JSON11})
			wire.Handle(s, "ListClusters", list)
			test.register(mux, s)
			mux.Add(s)
			if err := mux.Err(); (err == nil) != (test.want == "") || err != nil && err.Error() != test.want {
				t.Errorf("err = %v, want %q", err, test.want)
			}
		})
	}
}
