package localaws_test

import (
	"context"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/org/shipkit/internal/localaws"
)

// TestStartsAndStopsLeaveNothing starts and stops local AWS a hundred times: goroutines and ports must be as before.
func TestStartsAndStopsLeaveNothing(t *testing.T) {
	cycle := func(addr string) string {
		s, err := localaws.Start(t.Context(), localaws.Options{Engine: localaws.Process, Addr: addr})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		return strings.TrimPrefix(s.URL, "http://")
	}
	addr := cycle("") // the first one also starts what lives as long as the process
	before := len(settled(0))
	for range 100 {
		cycle(addr) // the same port each time: it must have been given back
	}
	if after := settled(before); len(after) > before {
		t.Errorf("%d goroutines before, %d after 100 starts and stops:\n%s", before, len(after), strings.Join(after, "\n\n"))
	}
}

// settled returns the stacks of all goroutines once their number is down to want, or has had a second to get there.
func settled(want int) []string {
	deadline := time.Now().Add(time.Second)
	for {
		stacks := goroutines()
		if len(stacks) <= want || time.Now().After(deadline) {
			return stacks
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// goroutines leaves out the one that distribution v3.1.2 starts for each registry (its notifications, handlers/app.go)
// and gives no means to end.
func goroutines() []string {
	buf := make([]byte, 4<<20)
	stacks := strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n")
	return slices.DeleteFunc(stacks, func(s string) bool { return strings.Contains(s, "go-events.(*Broadcaster).run") })
}

func TestPortTaken(t *testing.T) {
	s := start(t, localaws.Options{Engine: localaws.Process})
	taken := strings.TrimPrefix(s.URL, "http://")
	second, err := localaws.Start(t.Context(), localaws.Options{Addr: taken})
	if err == nil {
		_ = second.Close()
		t.Fatal("a second server took the same port")
	}
	if want := "listen on " + taken; !strings.Contains(err.Error(), want) {
		t.Errorf("err = %v, want %q", err, want)
	}
}

func TestCloseTwice(t *testing.T) {
	s, err := localaws.Start(context.Background(), localaws.Options{Engine: localaws.Process})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}
