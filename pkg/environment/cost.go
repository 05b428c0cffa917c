package environment

import (
	"fmt"

	"github.com/org/shipkit/pkg/diag"
)

// Estimate is what the environment costs at most until it ends: the price of
// an hour, times the time to live, times the share of hours that it runs.
func (r Request) Estimate() float64 {
	share := r.HoursShare
	if share <= 0 {
		share = 1
	}
	return r.Hourly * r.TTL.Hours() * share
}

func (r Request) affordable() error {
	if r.MaxCost <= 0 || r.Estimate() <= r.MaxCost {
		return nil
	}
	return &diag.Diagnostic{
		Summary: fmt.Sprintf("the environment may cost $%.2f ($%.3f an hour, %g hours, %.0f %% of the time on), max-cost is $%.2f",
			r.Estimate(), r.Hourly, r.TTL.Hours(), 100*r.Estimate()/(r.Hourly*r.TTL.Hours()), r.MaxCost),
		Try: "a shorter ttl, fewer hours, a smaller size, or a higher max-cost",
	}
}

// FargateHourly is the list price of a Fargate task in eu-west-1 on x86-64 in
// US dollars an hour (https://aws.amazon.com/fargate/pricing/).
func FargateHourly(vCPU, memoryGB float64) float64 { return vCPU*0.04048 + memoryGB*0.004445 }
