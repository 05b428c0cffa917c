package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/org/shipkit/internal/localaws"
)

// errNotRunning says that no local AWS answers.
var errNotRunning = errors.New("local AWS is not running; start it with: shipkit-local up")

// noteFile holds the address of the one that runs.
func noteFile() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find a folder for the running server's address: %w", err)
	}
	return filepath.Join(dir, "shipkit-local", "running"), nil
}

func remember(url string) error {
	file, err := noteFile()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return fmt.Errorf("remember the server's address: %w", err)
	}
	if err := os.WriteFile(file, []byte(url+"\n"), 0o600); err != nil {
		return fmt.Errorf("remember the server's address: %w", err)
	}
	return nil
}

// forget removes the note, unless another server has written it since.
func forget(url string) {
	if now, err := running(); err == nil && now == url {
		file, _ := noteFile() // running found it
		_ = os.Remove(file)
	}
}

// running is the address of the server that was started last.
func running() (string, error) {
	file, err := noteFile()
	if err != nil {
		return "", err
	}
	url, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return "", errNotRunning
	}
	if err != nil {
		return "", fmt.Errorf("find the running server: %w", err)
	}
	return strings.TrimSpace(string(url)), nil
}

// ask sends a request to the running server's administration.
func ask(ctx context.Context, method, path string) ([]byte, error) {
	url, err := running()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url+path, nil)
	if err != nil {
		return nil, fmt.Errorf("ask local AWS: %w", err)
	}
	req.Header.Set(localaws.AdminHeader, "1")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, errNotRunning
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 8<<20))
	if err != nil {
		return nil, fmt.Errorf("ask local AWS: %w", err)
	}
	if resp.StatusCode >= http.StatusBadRequest {
		return nil, fmt.Errorf("local AWS at %s answers %s: %s", url, resp.Status, strings.TrimSpace(string(body)))
	}
	return body, nil
}
