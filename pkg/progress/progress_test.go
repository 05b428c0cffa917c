package progress_test

import (
	"testing"

	"github.com/org/shipkit/pkg/progress"
)

func TestFunc(t *testing.T) {
	var none progress.Func
	none.Milestone("a", "b") // a domain need not ask
	var got []progress.Event
	report := progress.Func(func(e progress.Event) { got = append(got, e) })
	report.Milestone("push", "started")
	report.Warn("push", "stalled")
	if len(got) != 2 || !got[0].Milestone || got[0].Warn || !got[1].Milestone || !got[1].Warn || got[1].Task != "push" {
		t.Error(got)
	}
}
