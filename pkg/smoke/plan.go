package smoke

import (
	"fmt"
	"strings"
)

// Planned is what a run would do for one check.
type Planned struct {
	Name   string
	Target string
	// What lists what is judged.
	What string
}

// Plan says what Run would ask. It asks nothing.
func Plan(suite *Suite) []Planned {
	var hide secrets
	hide.add(suite.Secrets...)
	var planned []Planned
	for _, c := range suite.Checks {
		planned = append(planned, Planned{c.Name, hide.redact(c.target()), hide.redact(c.plan())})
	}
	return planned
}

func (c *Check) plan() string {
	if c.Compare != nil {
		return fmt.Sprintf("comparison over %d pairs of requests", c.Compare.Samples*len(c.Compare.Paths))
	}
	var parts []string
	if c.Version != nil {
		parts = append(parts, fmt.Sprintf("version %s on %d connections", c.Version.Expect, c.Version.Samples))
	}
	assertions := 0
	for _, step := range c.Steps {
		assertions += len(step.Asserts)
	}
	parts = append(parts, fmt.Sprintf("%s, %s, %s", count(len(c.Steps), "step"),
		count(assertions, "assertion"), count(c.Stable.Samples, "sample")))
	if c.Load != nil {
		parts = append(parts, fmt.Sprintf("load of %g/s for %s", c.Load.Rate, short(c.Load.Duration)))
	}
	return strings.Join(parts, ", ")
}
