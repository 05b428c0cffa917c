package fault_test

import (
	"testing"
	"time"

	"github.com/org/shipkit/internal/localaws/fault"
)

var malformed = []string{"", "ecs", "ecs=throttle", "ecs.UpdateService", "ecs.UpdateService=explode", ".x=throttle", "x.=throttle",
	"ecs.UpdateService#0=throttle", "ecs.UpdateService#x=throttle", "ecs.*=latency", "ecs.*=latency:soon", "ecs.*=latency:-1s",
	"ecs.*=throttle:2s", "ecs.*=die-after:soon", "ecs.*=drop-after:1s", "ecs.[=throttle"}

func TestParse(t *testing.T) {
	want := fault.Rule{Service: "rds", Operation: "Create*", Nth: 3, Effect: fault.Latency, For: 1500 * time.Millisecond}
	got, err := fault.Parse("rds.Create*#3=latency:1.5s")
	if err != nil || got != want {
		t.Errorf("Parse = %+v, %v, want %+v", got, err, want)
	}
	for _, s := range malformed {
		if r, err := fault.Parse(s); err == nil {
			t.Errorf("%q was taken as %+v", s, r)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range append(malformed, "*.*=5xx", "ecs.*#2=stale:5s", "ecs.*#3=die-before", "ssm.*=die-after:20s") {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := fault.Parse(s)
		if err == nil && (r.Service == "" || r.Operation == "" || r.Effect == "") {
			t.Errorf("%q was taken as %+v", s, r)
		}
	})
}
