package fault

import (
	"path"
	"slices"
	"time"

	"github.com/org/shipkit/internal/localaws/wire"
)

// Effect is what a rule does to a call.
type Effect string

// The effects. Drop closes the connection before the call, DropAfter once it took effect. Die and DieAfter do the same, and
// answer no further call of that client.
const (
	Throttle    Effect = "throttle"
	ServerError Effect = "5xx"
	Latency     Effect = "latency"
	Stale       Effect = "stale"
	Drop        Effect = "drop-before"
	DropAfter   Effect = "drop-after"
	Die         Effect = "die-before"
	DieAfter    Effect = "die-after"
	Deny        Effect = "deny"
)

// Rule says which calls suffer what.
type Rule struct {
	Service   string // signing name, or a pattern of path.Match; empty: any
	Operation string // operation, or a pattern; empty: any
	Nth       int    // only the nth matching call, counted from 1; zero: every one
	Times     int    // at most so often; zero: without end
	Effect    Effect
	For       time.Duration // Latency and Die (zero: for ever): how long, on the wall clock. Stale: simulated, after a write
}

type rule struct {
	Rule
	seen, hits int
}

// Add makes a rule effective until the returned function is called.
func (j *Injector) Add(r Rule) (remove func()) {
	added := &rule{Rule: r}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.rules = append(j.rules, added)
	return func() {
		j.mu.Lock()
		defer j.mu.Unlock()
		j.rules = slices.DeleteFunc(j.rules, func(x *rule) bool { return x == added })
	}
}

// Clear removes all rules and revives everybody.
func (j *Injector) Clear() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.rules, j.stale, j.lives = nil, staleReads{}, map[string]*life{}
}

// matching counts the call against every rule and returns those that strike.
func (j *Injector) matching(call wire.Call) []Rule {
	if call.InProcess {
		return nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	var strike []Rule
	for _, r := range j.rules {
		if !r.matches(call) {
			continue
		}
		r.seen++
		if r.Nth > 0 && r.seen != r.Nth || r.Times > 0 && r.hits >= r.Times {
			continue
		}
		r.hits++
		strike = append(strike, r.Rule)
	}
	return strike
}

func (r *Rule) matches(call wire.Call) bool {
	return glob(r.Service, call.Service) && glob(r.Operation, call.Operation)
}

func glob(pattern, name string) bool {
	if pattern == "" {
		return true
	}
	ok, _ := path.Match(pattern, name) // Parse refuses malformed patterns
	return ok
}
