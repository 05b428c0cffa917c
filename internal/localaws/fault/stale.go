package fault

import (
	"encoding/json"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/org/shipkit/internal/localaws/clock"
	"github.com/org/shipkit/internal/localaws/wire"
)

// staleReads answers reads with what they said before the last write of their service.
//
// A read that was made before, with the same input, gets its old answer; a list that was never asked for is empty; any
// other read is fresh.
type staleReads struct {
	mu    sync.Mutex
	fresh map[string]any       // answers by service, operation and input
	wrote map[string]time.Time // by service, simulated
}

func (s *staleReads) read(call wire.Call, window time.Duration, c *clock.Clock, next func() (any, error)) (any, error) {
	if !isRead(call.Operation) {
		out, err := next()
		s.mark(call.Service, c.Now())
		return out, err
	}
	key := cacheKey(call)
	old, known, stale := s.lookup(call.Service, key, window, c.Now())
	if stale && known {
		return old, nil
	}
	out, err := next()
	if err != nil {
		return out, err
	}
	if stale && strings.HasPrefix(call.Operation, "List") {
		return reflect.New(reflect.TypeOf(out).Elem()).Interface(), nil
	}
	if !stale {
		s.remember(key, out)
	}
	return out, nil
}

func (s *staleReads) mark(service string, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.wrote == nil {
		s.wrote = map[string]time.Time{}
	}
	s.wrote[service] = now
}

func (s *staleReads) lookup(service, key string, window time.Duration, now time.Time) (old any, known, stale bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	wrote, ever := s.wrote[service]
	old, known = s.fresh[key]
	return old, known, ever && now.Sub(wrote) < window
}

func (s *staleReads) remember(key string, out any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fresh == nil {
		s.fresh = map[string]any{}
	}
	s.fresh[key] = out
}

func isRead(operation string) bool {
	for _, prefix := range []string{"Describe", "Get", "List", "BatchGet", "Head"} {
		if strings.HasPrefix(operation, prefix) {
			return true
		}
	}
	return false
}

func cacheKey(call wire.Call) string {
	input, _ := json.Marshal(call.Input) // SDK inputs are plain data
	return strings.Join([]string{call.Caller.Scope(), call.Service, call.Operation, string(input)}, " ")
}
