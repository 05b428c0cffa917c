package history

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/google/go-cmp/cmp"

	"github.com/org/shipkit/internal/localaws"
	"github.com/org/shipkit/pkg/namespace"
)

var staging = namespace.Namespace{Customer: "xy", Project: "0146", Environment: "staging"}

func start(t *testing.T) (History, *ssm.Client) {
	t.Helper()
	server, err := localaws.Start(t.Context(), localaws.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	client := ssm.NewFromConfig(server.Config())
	return History{Parameters: client, Namespace: staging}, client
}

func id(i int) namespace.Timestamp {
	return namespace.TimestampOf(time.Date(2026, 1, 2, 3, 0, i, 0, time.UTC))
}

func TestAddListPrune(t *testing.T) {
	h, client := start(t)
	for i := range 30 {
		r := Record{ID: id(i), Environment: "staging", Status: Succeeded, Commit: fmt.Sprint("c", i)}
		if err := h.Add(t.Context(), &r, 12); err != nil {
			t.Fatal(err)
		}
	}
	name, junk := staging.Parameter("deployments", "note"), "by hand"
	if _, err := client.PutParameter(t.Context(), &ssm.PutParameterInput{Name: &name, Value: &junk, Type: types.ParameterTypeString}); err != nil {
		t.Fatal(err)
	}
	records, err := h.List(t.Context())
	if err != nil || len(records) != 12 || records[0].Commit != "c29" || records[11].Commit != "c18" {
		t.Errorf("%d records, %v", len(records), err)
	}
}

func TestLargeRecordIsCut(t *testing.T) {
	h, _ := start(t)
	r := Record{ID: id(1), Status: Failed, Reason: strings.Repeat("é", 3000)}
	for i := range 40 {
		r.Stages = append(r.Stages, Stage{Name: fmt.Sprint("stage", i), Result: "failure", Reason: strings.Repeat("x", 200)})
	}
	if err := h.Add(t.Context(), &r, 0); err != nil {
		t.Fatal(err)
	}
	records, err := h.List(t.Context())
	if err != nil || len(records) != 1 || records[0].Status != Failed || !strings.HasPrefix(records[0].Reason, "éé") {
		t.Errorf("%+v, %v", records, err)
	}
}

func TestTwoOfOneSecondAreBothKept(t *testing.T) {
	h, _ := start(t)
	for _, commit := range []string{"c1", "c2"} {
		r := Record{ID: id(1), Status: Succeeded, Commit: commit}
		if err := h.Add(t.Context(), &r, 0); err != nil {
			t.Fatal(err)
		}
	}
	records, err := h.List(t.Context())
	if err != nil || len(records) != 2 || records[0].ID != id(2) || records[0].Commit != "c2" || records[1].Commit != "c1" {
		t.Errorf("%+v, %v", records, err)
	}
}

func TestParseStages(t *testing.T) {
	text := `{"deploy":{"result":"failure","outputs":{"duration":"62.4","failure-reason":"the task exits with 1"}},
		"build":{"result":"success","outputs":{"bytes-sent":"190000","bytes-saved":"-5","duration":"1m20s"}},
		"rollback":{"outcome":"success","outputs":null}}`
	stages, err := ParseStages(text, []string{"build", "deploy"})
	want := []Stage{
		{Name: "build", Result: "success", Seconds: 80, BytesSent: 190000},
		{Name: "deploy", Result: "failure", Seconds: 62, Reason: "the task exits with 1"},
		{Name: "rollback", Result: "success"},
	}
	if diff := cmp.Diff(want, stages); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	if status, reason := Judge(stages); status != RolledBack || reason != "deploy failed: the task exits with 1" {
		t.Errorf("judged %s, %q", status, reason)
	}
	for _, bad := range []string{"", "[]", `{"a":1}`, "{" + strings.Repeat(" ", maxStages)} {
		if _, err := ParseStages(bad, nil); err == nil {
			t.Errorf("ParseStages(%.20q) succeeds", bad)
		}
	}
}

func TestParseStagesOfSteps(t *testing.T) {
	text := `{
		"build":{"result":"success","outputs":{"stages":"{\"check\":{\"outcome\":\"success\"},\"build\":{\"outcome\":\"success\",\"outputs\":{\"bytes-sent\":\"7\"}},\"test\":{\"outcome\":\"skipped\"},\"_c\":{\"outcome\":\"success\"},\"3\":{\"outcome\":\"success\"}}"}},
		"deploy":{"result":"failure","outputs":{"stages":"{\"_recheck\":{\"outcome\":\"failure\",\"outputs\":{\"reason\":\"old\"}},\"deploy\":{\"outcome\":\"failure\",\"outputs\":{\"rolled-back\":\"true\"}}}"}},
		"notify":{"result":"cancelled","outputs":{"stages":"{\"notify\":{\"outcome\":\"success\"}}"}}}`
	stages, err := ParseStages(text, []string{"check", "build"})
	want := []Stage{
		{Name: "check", Result: "success"}, {Name: "build", Result: "success", BytesSent: 7},
		{Name: "deploy", Result: "failure", RolledBack: true}, {Name: "notify", Result: "cancelled"},
		{Name: "recheck", Result: "failure", Reason: "old"},
	}
	if diff := cmp.Diff(want, stages); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	if status, _ := Judge(stages); status != RolledBack {
		t.Errorf("judged %s", status)
	}
}

func TestJudge(t *testing.T) {
	for _, test := range []struct {
		results string
		want    Status
	}{
		{"success skipped", Succeeded}, {"", Succeeded}, {"success failure", Failed}, {"cancelled skipped", Cancelled},
		{"cancelled failure", Failed},
	} {
		var stages []Stage
		for _, result := range strings.Fields(test.results) {
			stages = append(stages, Stage{Name: "s", Result: result})
		}
		if got, _ := Judge(stages); got != test.want {
			t.Errorf("Judge(%s) = %s, want %s", test.results, got, test.want)
		}
	}
}

func TestBackInTime(t *testing.T) {
	at := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	records := []Record{
		{ID: id(3), Status: Failed, Commit: "c3", CommitTime: at.Add(2 * time.Hour)},
		{ID: id(2), Status: Succeeded, Commit: "c2", CommitTime: at.Add(time.Hour)},
		{ID: id(1), Status: Succeeded, Commit: "c1", CommitTime: at},
	}
	for commit, test := range map[string]struct {
		at   time.Time
		back bool
	}{
		"c1": {at, true}, "c2": {at.Add(time.Hour), false}, "c4": {at.Add(3 * time.Hour), false}, "c0": {time.Time{}, false},
	} {
		if got := BackInTime(records, commit, test.at); (got != "") != test.back {
			t.Errorf("BackInTime(%s) = %q", commit, got)
		}
	}
	if BackInTime(nil, "c1", at) != "" {
		t.Error("the first deployment goes back in time")
	}
}

func TestOfImage(t *testing.T) {
	one, two := "r/app@sha256:"+strings.Repeat("1", 64), "r/app:v2@sha256:"+strings.Repeat("2", 64)
	records := []Record{
		{Version: "again", Status: Failed, Image: one}, {Version: "v2", Status: Succeeded, Image: two},
		{Version: "v1", Status: Succeeded, Image: one}, {Version: "v0", Status: Succeeded, Image: one},
	}
	for images, want := range map[string]string{one: "v1", `{"web":"` + two + `"}`: "v2"} {
		if got := OfImage(records, images); got == nil || got.Version != want {
			t.Errorf("OfImage(%s) = %+v, want %s", images, got, want)
		}
	}
	if got := OfImage(append(records, Record{Status: Succeeded}), "r/app:latest"); got != nil {
		t.Errorf("an image without a digest is %+v", got)
	}
}

func FuzzParseStages(f *testing.F) {
	f.Add(`{"build":{"result":"success","outputs":{"bytes-sent":"1"}}}`)
	f.Add(`{"a":{"outputs":{"duration":"-1s"}}}`)
	f.Fuzz(func(t *testing.T, text string) {
		stages, err := ParseStages(text, nil)
		if err != nil {
			return
		}
		for _, s := range stages {
			if s.Seconds < 0 || s.BytesSent < 0 {
				t.Errorf("negative: %+v", s)
			}
		}
		Judge(stages)
	})
}
