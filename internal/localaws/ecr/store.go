package ecr

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/org/shipkit/internal/localaws/registry"
)

// manifest reads a manifest from the registry.
func (s *Service) manifest(ctx context.Context, repo, reference string) (body []byte, mediaType string, err error) {
	resp, err := s.roundTrip(ctx, http.MethodGet, repo+"/manifests/"+reference, "", "")
	if err != nil {
		return nil, "", err
	}
	defer func() { _ = resp.Body.Close() }()
	if body, err = io.ReadAll(resp.Body); err != nil {
		return nil, "", fmt.Errorf("read the manifest %s of %s: %w", reference, repo, err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, "", fmt.Errorf("read the manifest %s of %s: registry answered %d: %s", reference, repo, resp.StatusCode, body)
	}
	return body, resp.Header.Get("Content-Type"), nil
}

// do sends a request to the registry's storage and expects a status.
func (s *Service) do(ctx context.Context, method, path, mediaType, body string, want int) error {
	resp, err := s.roundTrip(ctx, method, path, mediaType, body)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	answer, _ := io.ReadAll(resp.Body)
	if resp.StatusCode != want {
		return fmt.Errorf("%s %s: registry answered %d: %s", method, path, resp.StatusCode, answer)
	}
	return nil
}

func (s *Service) roundTrip(ctx context.Context, method, path, mediaType, body string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://"+s.host+"/v2/"+path, strings.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("ask the registry for %s: %w", path, err)
	}
	if mediaType != "" {
		req.Header.Set("Content-Type", mediaType)
	}
	req.Header["Accept"] = registry.ManifestTypes
	resp, err := s.transport.RoundTrip(req)
	if err != nil {
		return nil, fmt.Errorf("ask the registry for %s: %w", path, err)
	}
	return resp, nil
}
