package diag_test

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"github.com/org/shipkit/pkg/diag"
)

func TestDiagnosticReadsAsLines(t *testing.T) {
	d := &diag.Diagnostic{Summary: "name is missing", Detail: "seen: {}", Try: "name: web", File: "a.yml", Line: 3, Column: 7}
	if got := d.Error(); got != "a.yml:3:7: name is missing\nseen: {}\nTry: name: web" {
		t.Error(got)
	}
	for want, d := range map[string]*diag.Diagnostic{
		"a.yml": {File: "a.yml", Column: 7}, "a.yml:3": {File: "a.yml", Line: 3}, "": {},
	} {
		if got := d.Place(); got != want {
			t.Errorf("place %q, want %q", got, want)
		}
	}
}

func TestListIsAnErrorOnlyWithAnError(t *testing.T) {
	var list diag.List
	list.Warnf("wait", "slow")
	if list.HasErrors() || list.Err() != nil {
		t.Error("a warning is no error")
	}
	list.Errorf("mend it", "broken %d", 1)
	list.Add(&diag.Diagnostic{Summary: "gone", Err: fs.ErrNotExist})
	err := list.Err()
	if err == nil || err.Error() != "slow\nTry: wait\nbroken 1\nTry: mend it\ngone" || !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

func TestFromFindsWhatAnErrorCarries(t *testing.T) {
	cause := &diag.Diagnostic{Summary: "broken", Try: "mend it", File: "a.yml"}
	list := diag.List{cause, {Summary: "too"}}
	plain := errors.New("plain")
	for name, test := range map[string]struct {
		err  error
		want []string
	}{
		"nil":     {nil, nil},
		"plain":   {plain, []string{"plain"}},
		"one":     {cause, []string{"broken"}},
		"wrapped": {fmt.Errorf("read: %w", cause), []string{"read: broken"}},
		"list":    {fmt.Errorf("read: %w", list), []string{"broken", "too"}},
		"joined":  {errors.Join(plain, cause), []string{"plain", "broken"}},
		"both":    {errors.Join(cause, fmt.Errorf("also: %w", list)), []string{"broken", "broken", "too"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := diag.From(test.err)
			if len(got) != len(test.want) {
				t.Fatalf("%d findings: %v", len(got), got)
			}
			for i, d := range got {
				if d.Summary != test.want[i] {
					t.Errorf("finding %d is %q, want %q", i, d.Summary, test.want[i])
				}
				if d.Summary == "read: broken" && (d.Try != "mend it" || d.File != "a.yml" || !errors.Is(d, cause)) {
					t.Errorf("%+v", d)
				}
			}
		})
	}
}

func TestSeverityNames(t *testing.T) {
	for severity, want := range map[diag.Severity]string{diag.Error: "error", diag.Warning: "warning", diag.Notice: "notice", 9: "severity(9)"} {
		if severity.String() != want {
			t.Error(severity)
		}
	}
}
