package snapshot

import (
	"maps"
	"time"
)

// Prices are US dollars: an hour of an instance class, and a month of a GB of
// storage and of snapshot under the keys "storage-gb-month" and
// "snapshot-gb-month".
type Prices map[string]float64

// The keys of Prices that are no instance class.
const (
	PriceStorage  = "storage-gb-month"
	PriceSnapshot = "snapshot-gb-month"
)

// ListPrices is a rough table of single-AZ PostgreSQL on demand in eu-west-1,
// so that an estimate is there at once; a user's own prices go over it.
func ListPrices() Prices {
	return Prices{
		"db.t4g.micro": 0.017, "db.t4g.small": 0.034, "db.t4g.medium": 0.069, "db.t4g.large": 0.138,
		"db.m6g.large": 0.177, "db.m6g.xlarge": 0.353, "db.m6g.2xlarge": 0.706,
		"db.r6g.large": 0.25, "db.r6g.xlarge": 0.499, "db.r6g.2xlarge": 0.998,
		PriceStorage: 0.127, PriceSnapshot: 0.095,
	}
}

// With returns the table with another one over it.
func (p Prices) With(over Prices) Prices {
	all := maps.Clone(p)
	maps.Copy(all, over)
	return all
}

// Cost is an estimate in US dollars.
type Cost struct {
	// Overlap is what the second database costs during Hours, the time that
	// both run; Retention the stopped old one's storage until it is removed.
	Overlap, Retention, Snapshots float64
	Hours                         float64
	// Unknown is the instance class whose price is not in the table.
	Unknown string
}

// Total sums the estimate up.
func (c Cost) Total() float64 { return c.Overlap + c.Retention + c.Snapshots }

const hoursPerMonth = 730

// overlap is how long both databases run in a usual promotion.
const overlap = time.Hour

func (p Prices) estimate(plan *Plan, request Request) Cost {
	class, storage, multiAZ := request.class(), subjectOf(plan).storage, request.Parameters["MultiAZ"] == "true"
	cost := Cost{Hours: overlap.Hours()}
	hourly, known := p[class]
	if !known {
		cost.Unknown = class
	}
	if multiAZ {
		hourly *= 2
	}
	stored := float64(storage)
	cost.Overlap = cost.Hours * (hourly + stored*p[PriceStorage]/hoursPerMonth)
	if plan.Current != nil {
		cost.Retention = float64(plan.Current.StorageGB) * p[PriceStorage] * request.Retention.Hours() / hoursPerMonth
	}
	cost.Snapshots = stored * p[PriceSnapshot]
	return cost
}
