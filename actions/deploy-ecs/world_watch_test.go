package deployecs_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync/atomic"
	"time"
)

// version asks the service which version answers.
func (w *world) version() string {
	body, err := get(w.Context(), w.url+"/version")
	if err != nil {
		return err.Error()
	}
	var answer struct{ Version string }
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		return err.Error()
	}
	return answer.Version
}

func get(ctx context.Context, url string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = res.Body.Close() }()
	body := make([]byte, 256)
	n, _ := res.Body.Read(body)
	if res.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s: %s", res.Status, body[:n])
	}
	return strings.TrimSpace(string(body[:n])), nil
}

// traffic sends requests without pause until stop, which fails the test if
// any of them failed.
func (w *world) traffic() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var sent, failed atomic.Int64
	var last atomic.Value
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			_, err := get(ctx, w.url+"/version")
			if ctx.Err() != nil {
				return
			}
			if sent.Add(1); err != nil {
				failed.Add(1)
				last.Store(err.Error())
			}
			time.Sleep(2 * time.Millisecond)
		}
	}()
	return func() {
		w.Helper()
		cancel()
		<-done
		if failed.Load() > 0 {
			w.Errorf("%d of %d requests failed, the last one: %v", failed.Load(), sent.Load(), last.Load())
		}
		w.Logf("%d requests, %d failed", sent.Load(), failed.Load())
	}
}

// unchanged fails if the action called anything that writes.
func (w *world) unchanged() {
	w.Helper()
	reads := regexp.MustCompile(`^(Describe|List|Get|BatchGet|Simulate)`)
	for _, call := range w.aws.Calls() {
		if call.AccessKeyID == w.key && !reads.MatchString(call.Operation) {
			w.Errorf("%s was called", call.Operation)
		}
	}
}

// calls counts the action's calls of an operation.
func (w *world) calls(operation string) (n int) {
	for _, call := range w.aws.Calls() {
		if call.AccessKeyID == w.key && call.Operation == operation {
			n++
		}
	}
	return n
}
