package snapshot

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/org/shipkit/pkg/namespace"
	"github.com/org/shipkit/pkg/saga"
)

// What somebody deletes while it is waited for is not waited for any longer.
func TestDeletedByHand(t *testing.T) {
	for _, tt := range []struct {
		call, says string
		deletes    func(c *cloud, ts namespace.Timestamp)
	}{
		{"DescribeStacks", "is being deleted by somebody", func(c *cloud, ts namespace.Timestamp) {
			c.stacks[staging.Database(ts)].gone = time.Now().Add(pause)
			delete(c.databases, staging.Database(ts))
		}},
		{"DescribeStacks", "is gone: somebody has deleted it", func(c *cloud, ts namespace.Timestamp) {
			delete(c.stacks, staging.Database(ts))
			delete(c.databases, staging.Database(ts))
		}},
		{"DescribeDBSnapshots", "is gone: somebody has deleted it", func(c *cloud, ts namespace.Timestamp) {
			delete(c.snapshots, dev.Snapshot(ts))
		}},
	} {
		synctest.Test(t, func(t *testing.T) {
			c := settled(t)
			before, looks, ts := c.parameters[staging.Active()], 0, namespace.TimestampOf(time.Now())
			c.fault = func(_ int, name string) fault {
				if name != tt.call || c.stacks[staging.Database(ts)] == nil && c.snapshots[dev.Snapshot(ts)] == nil {
					return none
				}
				if looks++; looks == 3 {
					tt.deletes(c, ts)
				}
				return none
			}
			_, err := c.promote("second", request)
			var failed *saga.FailedError
			if !errors.As(err, &failed) || !failed.Undone || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%s: %v", tt.says, err)
			}
			if c.parameters[staging.Active()] != before || string(c.serving) != before {
				t.Errorf("%s: pointer %s, service %s", tt.says, c.parameters[staging.Active()], c.serving)
			}
			c.checkClean(t, tt.says, 1)
		})
	}
}

func TestPointerMovedByHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := settled(t)
		c.fault = func(_ int, name string) fault {
			if name == "RunTask "+string(Verify) {
				c.parameters[staging.Active()] = "20010101t000000z"
				c.databases[staging.Database("20010101t000000z")] = &row{}
			}
			return none
		}
		_, err := c.promote("second", request)
		if err == nil || !strings.Contains(err.Error(), "somebody moved it") {
			t.Errorf("promotion: %v", err)
		}
		if c.parameters[staging.Active()] != "20010101t000000z" {
			t.Errorf("the pointer is %s", c.parameters[staging.Active()])
		}
	})
	c := newCloud()
	c.parameters[staging.Active()] = "yesterday"
	if _, err := c.promote("a", request); err == nil || !strings.Contains(err.Error(), "edited by hand") {
		t.Errorf("promotion: %v", err)
	}
	c.parameters[staging.Active()] = "29990101t000000z"
	if _, err := c.promote("a", request); err == nil || !strings.Contains(err.Error(), "clock") {
		t.Errorf("promotion: %v", err)
	}
}

// A parameter of the new version that is edited before the services rely on it,
// or before the pointer does, is named, and all is taken back.
func TestNewVersionEditedByHand(t *testing.T) {
	for _, services := range []bool{true, false} {
		for _, fact := range []string{factEndpoint, factPort, factName, factKind} {
			synctest.Test(t, func(t *testing.T) {
				c := settled(t)
				before, name := c.parameters[staging.Active()], ""
				c.fault = func(_ int, call string) fault {
					if call == "RunTask "+string(Verify) {
						for id := range c.databases {
							if ts, ok := strings.CutPrefix(id, staging.Database("")); ok && ts > before {
								name = staging.Version(namespace.Timestamp(ts), fact)
							}
						}
						c.parameters[name] = "elsewhere"
					}
					return none
				}
				p := c.promoter("second")
				if !services {
					p.Deployer = nil
				}
				_, err := c.process(func(ctx context.Context) (Result, error) { return p.Run(ctx, request) })
				var failed *saga.FailedError
				if !errors.As(err, &failed) || !failed.Undone || !strings.Contains(err.Error(), name+` is "elsewhere", but RDS says "`) {
					t.Errorf("%s: %v", name, err)
				}
				if c.parameters[staging.Active()] != before || string(c.serving) != before {
					t.Errorf("%s: pointer %s, service %s", name, c.parameters[staging.Active()], c.serving)
				}
				c.checkClean(t, name, 1)
			})
		}
	}
}
