// Package wire speaks the AWS wire protocols on the server's side, driven by the SDK's own types: a service is a set of
// functions from an SDK input struct to an SDK output struct, and wire finds out the rest by reflection.
//
//	svc := wire.NewService(wire.ServiceInfo{Name: "ecs", Protocol: wire.JSON11, TargetPrefix: "AmazonEC2…", LowerCamel: true})
//	wire.Handle(svc, "CreateCluster", s.CreateCluster)
//
//	func (s *Service) CreateCluster(ctx context.Context, in *ecs.CreateClusterInput) (*ecs.CreateClusterOutput, error)
//
// A Mux serves the services over HTTP: it authenticates (SigV4), finds the service and the operation, decodes, calls,
// and encodes the output or the error. Protocols: https://smithy.io/2.0/aws/protocols/.
//
// Every protocol passes through one neutral tree (shape.go): structs, maps, lists and scalars. A file per format turns
// bytes into that tree and back.
package wire
