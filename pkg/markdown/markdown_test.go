package markdown_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/org/shipkit/pkg/markdown"
)

func TestDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0:                                "0ms",
		80 * time.Millisecond:            "80ms",
		999_400 * time.Microsecond:       "999ms",
		999_600 * time.Microsecond:       "1.0s",
		time.Second:                      "1.0s",
		4_240 * time.Millisecond:         "4.2s",
		9_949 * time.Millisecond:         "9.9s",
		9_960 * time.Millisecond:         "10s",
		59_400 * time.Millisecond:        "59s",
		59_700 * time.Millisecond:        "1m00s",
		80 * time.Second:                 "1m20s",
		time.Hour - time.Millisecond:     "1h00m",
		time.Hour - 600*time.Millisecond: "59m59s",
		3*time.Hour + 5*time.Minute:      "3h05m",
		2*time.Hour - 20*time.Second:     "2h00m",
		-80 * time.Second:                "-1m20s",
		math.MinInt64:                    "-2562047h47m",
	} {
		if got := markdown.Duration(d); got != want {
			t.Errorf("Duration(%d) = %s, want %s", d, got, want)
		}
	}
}

func TestBytes(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 999: "999 B", 1000: "1.0 kB", 20_480: "20.5 kB", 999_949: "999.9 kB", 999_950: "1.0 MB", 101_200_000: "101.2 MB",
		999_960_000: "1.0 GB", 1_400_000_000: "1.4 GB", 2_500_000_000_000: "2.5 TB", -20_480: "-20.5 kB", math.MinInt64: "-9223372.0 TB",
	} {
		if got := markdown.Bytes(n); got != want {
			t.Errorf("Bytes(%d) = %s, want %s", n, got, want)
		}
	}
}

func TestDigest(t *testing.T) {
	hex := strings.Repeat("0123456789abcdef", 4)
	for given, want := range map[string]string{
		"sha256:" + hex:                 "sha256:0123456789ab",
		"example.com/app@sha256:" + hex: "example.com/app@sha256:0123456789ab",
		"sha256:0123":                   "sha256:0123",
		"app:v1.2.3-a-long-tag-name":    "app:v1.2.3-a-long-tag-name",
		"":                              "",
	} {
		if got := markdown.Digest(given); got != want {
			t.Errorf("Digest(%s) = %s, want %s", given, got, want)
		}
	}
}

func TestCode(t *testing.T) {
	for given, want := range map[string]string{
		"": "", "a": "`a`", "a|b": "`a|b`", "a`b": "``a`b``", "`a": "`` `a ``", "a\nb": "`a b`", "```": "```` ``` ````",
	} {
		if got := markdown.Code(given); got != want {
			t.Errorf("Code(%q) = %s, want %s", given, got, want)
		}
	}
}

func TestBlockOutlastsFences(t *testing.T) {
	if got := markdown.Block("text", "a\n```\nb\n"); got != "````text\na\n```\nb\n````\n" {
		t.Error(got)
	}
}

func TestLink(t *testing.T) {
	for given, want := range map[string]string{
		"https://example.com/a b(c)": "[*x*](https://example.com/a%20b%28c%29)",
		"javascript:alert(1)":        "*x*",
		"":                           "*x*",
	} {
		want = strings.ReplaceAll(want, "*x*", `\*x\*`)
		if got := markdown.Link("*x*", given); got != want {
			t.Errorf("Link(%q) = %s, want %s", given, got, want)
		}
	}
}

func TestTableKeepsItsColumns(t *testing.T) {
	got := markdown.Table([]string{"A", "B"}, [][]string{
		{markdown.Code("a|b"), markdown.Escape("c|d")}, {"two\nlines"}, {`\\|`},
	})
	want := "| A | B |\n| --- | --- |\n| `a\\|b` | c\\|d |\n| two<br>lines |  |\n| \\\\\\| |  |\n"
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestEscapeLeavesNoMarkup(t *testing.T) {
	if got := markdown.Escape("@me #12 <b>*x*</b> &lt;\n_y_"); got != `@<!-- -->me \#<!-- -->12 &lt;b&gt;\*x\*&lt;/b&gt; &amp;lt; \_y\_` {
		t.Error(got)
	}
}

// TestPlainUndoesEscape: what was escaped for GitHub reads as it was in a terminal.
func TestPlainUndoesEscape(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.StringMatching("[a-z@#<>*_`~\\[\\]\\\\]{1,12}").Draw(t, "word")
		if strings.HasPrefix(word, "```") {
			return
		}
		if got := markdown.Plain("x" + markdown.Escape(word)); got != "x"+word+"\n" {
			t.Fatalf("%q came back as %q", word, got)
		}
	})
}

func TestPlain(t *testing.T) {
	md := "# Verdict\n\n\n" + markdown.Table([]string{"Task", "State"}, [][]string{
		{"web_1", markdown.Escape("is *up*")}, {"a-longer-name", "down"},
	}) + "\n" + markdown.Details("3 more", markdown.Block("", "line")) + "end\n"
	want := "# Verdict\n\nTask            State\nweb_1           is *up*\na-longer-name   down\n\n3 more\n\nline\n\nend\n"
	if got := markdown.Plain(md); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}
