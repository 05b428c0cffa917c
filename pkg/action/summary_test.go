package action

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

func keep(parts *[]string) func(string) error {
	return func(md string) error {
		*parts = append(*parts, md+"\n")
		return nil
	}
}

func same(s string) string { return s }

func TestSummaryKeepsUnderTheLimit(t *testing.T) {
	var parts []string
	s := summary{write: keep(&parts), redact: same}
	big := "# Plan\n<details><summary>all</summary>\n\n```diff\n" + strings.Repeat("+ a line of it, ümlaut\n", 60_000) + "```\n</details>\n"
	for _, md := range []string{"# Verdict\n", big, "# Later\n"} {
		if err := s.add(md); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.end("<details><summary>2 more findings</summary></details>\n"); err != nil {
		t.Fatal(err)
	}
	text := strings.Join(parts, "")
	if len(text) > maxSummary || !utf8.ValidString(text) {
		t.Error("length", len(text))
	}
	if strings.Count(text, "```")%2 != 0 || strings.Count(text, "<details>") != strings.Count(text, "</details>") {
		t.Error("a block was left open")
	}
	for _, want := range []string{"# Verdict", "2 more findings", "The summary was cut: "} {
		if !strings.Contains(text, want) {
			t.Errorf("lacks %q", want)
		}
	}
	if strings.Contains(text, "# Later") {
		t.Error("what came after the cut stands in the middle of nowhere")
	}
}

func TestSummaryIsRedacted(t *testing.T) {
	var parts []string
	s := summary{write: keep(&parts), redact: func(s string) string { return strings.ReplaceAll(s, "secret", "***") }}
	if err := s.add("a secret"); err != nil || strings.Join(parts, "") != "a ***\n" {
		t.Error(parts, err)
	}
}

// FuzzSummary writes any three parts: what is written is valid UTF-8 under the
// limit, and nothing is lost without a note.
func FuzzSummary(f *testing.F) {
	f.Add("# Verdict\n", "```\ncode\n```\n", uint16(1))
	f.Add("<details>", "``````", uint16(5000))
	f.Add("\xff\xfe", "", uint16(60000))
	f.Fuzz(func(t *testing.T, a, b string, times uint16) {
		if len(b)*int(times) > 4<<20 {
			return
		}
		var parts []string
		s := summary{write: keep(&parts), redact: same}
		for _, md := range []string{a, strings.Repeat(b, int(times)), a} {
			if err := s.add(md); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.end(""); err != nil {
			t.Fatal(err)
		}
		text := strings.Join(parts, "")
		if len(text) > maxSummary || !utf8.ValidString(text) {
			t.Fatal("length", len(text))
		}
		if s.cut > 0 != strings.Contains(text, "The summary was cut: ") && !strings.Contains(a+b, "The summary was cut: ") {
			t.Fatal(fmt.Sprint("cut ", s.cut))
		}
	})
}
