package probe

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// The health protocol, https://github.com/grpc/grpc/blob/master/doc/health-checking.md,
// over the wire format of https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md.
// It is one call with one field each way: spoken here over the transport of
// the HTTP checks, so that resolve, CA, mutual TLS and bounds hold for it too.
const healthPath = "/grpc.health.v1.Health/Check"

var servingStates = map[uint64]string{0: "UNKNOWN", 1: "SERVING", 2: "NOT_SERVING", 3: "SERVICE_UNKNOWN"}

func (c *Client) grpc(ctx context.Context, r Request) (*Answer, error) {
	target, err := parseURL(r.URL)
	if err != nil {
		return nil, &Error{CauseRequest, Address(r.URL), err}
	}
	r.Connection.HTTP = "2"
	transport, done, err := c.transport(r)
	if err != nil {
		return nil, &Error{CauseRequest, Address(r.URL), err}
	}
	defer done()
	start := time.Now()
	answer, err := healthCheck(ctx, transport, target, r)
	if err != nil {
		return nil, fail(ctx, Address(r.URL), err)
	}
	answer.Duration = time.Since(start)
	return answer, nil
}

func healthCheck(ctx context.Context, transport http.RoundTripper, target *url.URL, r Request) (*Answer, error) {
	address := target.JoinPath(healthPath).String()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(healthRequest(r.Target)))
	if err != nil {
		return nil, fmt.Errorf("gRPC health check: %w", err)
	}
	for _, f := range r.Header {
		request.Header.Add(f.Name, f.Value)
	}
	request.Header.Set("Content-Type", "application/grpc")
	request.Header.Set("TE", "trailers")
	response, err := transport.RoundTrip(request)
	if err != nil {
		return nil, fmt.Errorf("gRPC health check: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	message, err := io.ReadAll(io.LimitReader(response.Body, 1<<10))
	if err != nil {
		return nil, fmt.Errorf("gRPC health check: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("gRPC health check: HTTP status %d", response.StatusCode)
	}
	if status := grpcTrailer(response, "Grpc-Status"); status != "0" {
		return nil, fmt.Errorf("gRPC health check: grpc-status %s %s", status, grpcTrailer(response, "Grpc-Message"))
	}
	serving, err := healthResponse(message)
	if err != nil {
		return nil, err
	}
	return &Answer{
		Status: response.StatusCode, HTTPVersion: httpVersion(response), URL: r.URL, Header: response.Header,
		Serving: serving, Certificate: leaf(response.TLS),
	}, nil
}

// grpcTrailer reads a trailer, which an answer without a message carries in
// its header.
func grpcTrailer(response *http.Response, name string) string {
	if value := response.Trailer.Get(name); value != "" {
		return value
	}
	return response.Header.Get(name)
}

// healthRequest frames HealthCheckRequest{service}.
func healthRequest(service string) []byte {
	var message []byte
	if service != "" {
		message = protowire.AppendTag(nil, 1, protowire.BytesType)
		message = protowire.AppendString(message, service)
	}
	frame := binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message))) //nolint:gosec // a service name
	return append(frame, message...)
}

// healthResponse reads a framed HealthCheckResponse{status}.
func healthResponse(frame []byte) (string, error) {
	if len(frame) < 5 || frame[0] != 0 || int(binary.BigEndian.Uint32(frame[1:5])) != len(frame)-5 {
		return "", errors.New("gRPC health check: the answer is not one plain gRPC message")
	}
	state := uint64(0)
	for message := frame[5:]; len(message) > 0; {
		number, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return "", fmt.Errorf("gRPC health check: %w", protowire.ParseError(n))
		}
		message = message[n:]
		size := protowire.ConsumeFieldValue(number, kind, message)
		if size < 0 {
			return "", fmt.Errorf("gRPC health check: %w", protowire.ParseError(size))
		}
		if number == 1 && kind == protowire.VarintType {
			state, _ = protowire.ConsumeVarint(message)
		}
		message = message[size:]
	}
	if name, ok := servingStates[state]; ok {
		return name, nil
	}
	return fmt.Sprintf("state %d", state), nil
}
