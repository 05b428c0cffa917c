package scenario_test

import (
	"testing"
	"time"

	"github.com/org/shipkit/pkg/smoke"
	"github.com/org/shipkit/pkg/smoke/checkfile"
	"github.com/org/shipkit/pkg/smoke/probe"
	"github.com/org/shipkit/pkg/smoke/scenario"
)

// atOnce is how many scenarios run at a time: most of them wait.
const atOnce = 8

// patience is the time for what should pass: a busy machine makes nothing
// fail, and only what fails waits for the end of its time.
const patience = time.Minute

func TestVerdicts(t *testing.T) {
	all := scenario.All()
	if len(all) < 30 {
		t.Errorf("%d scenarios, want at least 30", len(all))
	}
	slots := make(chan struct{}, atOnce)
	done := make([]chan func(*testing.T), len(all))
	for i, s := range all {
		done[i] = make(chan func(*testing.T), 1)
		dir := t.TempDir()
		go func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			done[i] <- verdict(t, s, dir)
		}()
	}
	for i, s := range all {
		t.Run(s.Name, <-done[i])
	}
}

// verdict runs a scenario and returns what to say of it.
func verdict(t *testing.T, s scenario.Scenario, dir string) func(*testing.T) {
	lab, err := scenario.NewLab(dir)
	if err != nil {
		return func(t *testing.T) { t.Fatal(err) }
	}
	defer lab.Close()
	ask := s.Start(lab)
	timeout := scenario.Timeout
	if s.Passes {
		timeout = patience
	}
	suite, err := checkfile.Read([]byte(ask.CheckFile(timeout)), checkfile.Options{File: "scenario.yml", Concurrency: 1})
	if err != nil {
		return func(t *testing.T) { t.Fatal(err) }
	}
	client := &probe.Client{}
	defer client.Close()
	result := smoke.Run(t.Context(), suite, client, smoke.Options{})
	check := result.Checks[0]
	return func(t *testing.T) {
		if err := lab.Err(); err != nil {
			t.Fatal(err)
		}
		if result.OK() != s.Passes {
			t.Errorf("passes: %t, want %t: %+v", result.OK(), s.Passes, check.Findings)
		}
		if ask.Leaked != nil && ask.Leaked() {
			t.Error("a credential reached another host")
		}
		if !result.OK() && len(check.Findings) == 0 {
			t.Error("it fails without saying why")
		}
		for _, f := range check.Findings {
			t.Logf("expected %s; seen %s", f.Expected, f.Seen)
		}
	}
}
