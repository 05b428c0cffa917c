package fault

import (
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"
)

// Parse reads a rule as `shipkit-local --fault` takes it:
//
//	ecs.UpdateService=throttle      every call
//	ssm.PutParameter#2=drop-after   the second call
//	rds.*=latency:2s                with a duration
//	ecs.*=stale:5s
//	ssm.*#7=die-after:20s           the client dies at its seventh call, and lives again after a while
//	*.*=5xx
func Parse(s string) (Rule, error) {
	target, effect, ok := strings.Cut(s, "=")
	service, call, _ := strings.Cut(target, ".")
	operation, nth, counted := strings.Cut(call, "#")
	if !ok || service == "" || operation == "" {
		return Rule{}, fmt.Errorf("fault %q: want service.Operation=effect, such as ecs.UpdateService=throttle", s)
	}
	r := Rule{Service: service, Operation: operation}
	if counted {
		n, err := strconv.Atoi(nth)
		if err != nil || n < 1 {
			return Rule{}, fmt.Errorf("fault %q: after # want the number of the call, from 1", s)
		}
		r.Nth = n
	}
	for _, pattern := range []string{r.Service, r.Operation} {
		if _, err := path.Match(pattern, ""); err != nil {
			return Rule{}, fmt.Errorf("fault %q: malformed pattern %q", s, pattern)
		}
	}
	err := r.parseEffect(s, effect)
	return r, err
}

// lengths says which effects take a duration.
var lengths = map[Effect]int{Throttle: none, ServerError: none, Latency: demanded, Stale: demanded, Drop: none, DropAfter: none,
	Deny: none, Die: allowed, DieAfter: allowed}

const (
	none = iota
	allowed
	demanded
)

func (r *Rule) parseEffect(s, effect string) error {
	name, text, timed := strings.Cut(effect, ":")
	r.Effect = Effect(name)
	length, known := lengths[r.Effect]
	if !known {
		return fmt.Errorf("fault %q: unknown effect %q; there are throttle, 5xx, deny, latency:2s, stale:5s, drop-before, "+
			"drop-after, die-before and die-after", s, name)
	}
	if length == demanded && !timed || length == none && timed {
		return fmt.Errorf("fault %q: latency and stale take a duration, as in latency:2s, die-before and die-after may, "+
			"the other effects do not", s)
	}
	if !timed {
		return nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return fmt.Errorf("fault %q: %q is not a duration such as 2s", s, text)
	}
	r.For = d
	return nil
}
