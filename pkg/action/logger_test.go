package action

import (
	"strings"
	"testing"

	"github.com/org/shipkit/pkg/diag"
)

func TestLogLinesAreNoCommands(t *testing.T) {
	var out strings.Builder
	log := &logger{commands: true, out: &out}
	log.line("::error::no\n  ::stop-commands::x\nplain :: text\rover\r::warning::no\n##[error]no")
	for line := range strings.Lines(out.String()) {
		if strings.HasPrefix(strings.TrimSpace(line), "::") || strings.Contains(line, "##[") {
			t.Errorf("the runner takes %q for a command", line)
		}
	}
	if !strings.Contains(out.String(), "plain :: text") {
		t.Error(out.String())
	}
}

func TestMaskedValuesAreShownNowhere(t *testing.T) {
	var out strings.Builder
	log := &logger{commands: true, verbose: true, out: &out}
	log.mask("  ")
	log.mask("-----BEGIN KEY-----\nMIIabcdef\n}\n-----END KEY-----\n")
	commands := out.String()
	for _, want := range []string{"::add-mask::MIIabcdef\n", "::add-mask::-----BEGIN KEY-----%0AMIIabcdef"} {
		if !strings.Contains(commands, want) {
			t.Errorf("lacks %q:\n%s", want, commands)
		}
	}
	if strings.Contains(commands, "::add-mask::}\n") || strings.Contains(commands, "::add-mask::\n") {
		t.Error("masks what is everywhere:", commands)
	}
	out.Reset()
	log.line("key MIIabcdef")
	log.debug("key MIIabcdef")
	log.annotate(&diag.Diagnostic{Summary: "key MIIabcdef"})
	log.group("key MIIabcdef")()
	if strings.Contains(out.String(), "MIIabcdef") || strings.Count(out.String(), "***") != 4 {
		t.Error(out.String())
	}
}

func TestASecretThatBeginsWithAnotherIsMaskedWhole(t *testing.T) {
	var out strings.Builder
	log := &logger{commands: true, out: &out}
	log.mask("hunter")
	log.mask("hunter22")
	log.line("hunter22 and hunter")
	if out.String() != "::add-mask::hunter\n::add-mask::hunter22\n*** and ***\n" {
		t.Error(out.String())
	}
}

func TestAnnotationsPointIntoFiles(t *testing.T) {
	var out strings.Builder
	(&logger{commands: true, out: &out}).annotate(&diag.Diagnostic{
		Severity: diag.Warning, Summary: "100% wrong", Detail: "seen: x", Try: "this", File: "deploy, v2.yml", Line: 3, Column: 7,
	})
	want := "::warning col=7,file=deploy%2C v2.yml,line=3::100%25 wrong%0Aseen: x%0ATry: this\n"
	if out.String() != want {
		t.Errorf("%q", out.String())
	}
}

func TestFindingsBeyondTheLimitAreFolded(t *testing.T) {
	var out strings.Builder
	f := findings{log: &logger{commands: true, out: &out}}
	for i := range 12 {
		f.add(&diag.Diagnostic{Severity: diag.Error, Summary: "broken " + string(rune('a'+i)), File: "x.yml", Line: i + 1, Try: "mend it"})
	}
	f.add(&diag.Diagnostic{Severity: diag.Notice, Summary: "fine"})
	if n := strings.Count(out.String(), "::error "); n != maxAnnotations || strings.Count(out.String(), "::notice") != 1 {
		t.Error(n, out.String())
	}
	folded := f.folded()
	for _, want := range []string{"2 more findings", "`x.yml:11`", "broken k", "broken l", "mend it"} {
		if !strings.Contains(folded, want) {
			t.Errorf("lacks %q:\n%s", want, folded)
		}
	}
	if !strings.Contains(out.String(), "\nerror: x.yml:12: broken l\n") {
		t.Error("the log does not show what is not annotated:", out.String())
	}
}
