package fault

import (
	"fmt"
	"path"
	"slices"
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
//	*.*=5xx
func Parse(s string) (Rule, error) {
	target, effect, ok := strings.Cut(s, "=")
	service, operation, dot := strings.Cut(target, ".")
	if !ok || !dot || service == "" || operation == "" {
		return Rule{}, fmt.Errorf("fault %q: want service.Operation=effect, such as ecs.UpdateService=throttle", s)
	}
	r := Rule{Service: service}
	operation, nth, counted := strings.Cut(operation, "#")
	r.Operation = operation
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

func (r *Rule) parseEffect(s, effect string) error {
	name, length, timed := strings.Cut(effect, ":")
	r.Effect = Effect(name)
	if !slices.Contains([]Effect{Throttle, ServerError, Latency, Stale, Drop, DropAfter, Deny}, r.Effect) {
		return fmt.Errorf("fault %q: unknown effect %q; there are throttle, 5xx, deny, latency:2s, stale:5s, drop-before, "+
			"drop-after", s, name)
	}
	if needs := r.Effect == Latency || r.Effect == Stale; needs != timed {
		return fmt.Errorf("fault %q: latency and stale take a duration, as in latency:2s, the other effects do not", s)
	}
	if !timed {
		return nil
	}
	d, err := time.ParseDuration(length)
	if err != nil || d <= 0 {
		return fmt.Errorf("fault %q: %q is not a duration such as 2s", s, length)
	}
	r.For = d
	return nil
}
