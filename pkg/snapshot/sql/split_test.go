package sql

import (
	"slices"
	"strings"
	"testing"
)

func TestSplitLines(t *testing.T) {
	got := splitLines("-- a remark; not a query\nselect 1 = 1;\n\nselect ';' =\n  ';';\nselect 'no end'\n")
	want := []statement{{2, "select 1 = 1"}, {4, "select ';' =\n';'"}, {6, "select 'no end'"}}
	if !slices.Equal(got, want) {
		t.Errorf("got %#v, want %#v", got, want)
	}
}

func TestSplitMySQL(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		want []statement
	}{
		"nothing":           {" \n-- a remark;\n# another;\n/* a third; */;;\n", nil},
		"several on a line": {"select 1; select 2\n;select 3", []statement{{1, "select 1"}, {1, "select 2"}, {2, "select 3"}}},
		"texts and names": {"select ';', 'it''s;', 'a\\';', \";\\\";\", `a;\\`;\nselect 2;",
			[]statement{{1, "select ';', 'it''s;', 'a\\';', \";\\\";\", `a;\\`"}, {2, "select 2"}}},
		"comments":        {"select 1 -- one;\n + 1 # two;\n + /* three;\n */ 1;\nselect 5--1;", []statement{{1, "select 1 -- one;\n + 1 # two;\n + /* three;\n */ 1"}, {5, "select 5--1"}}},
		"what some run":   {"/*!40101 SET NAMES utf8 */;\n/*M!100100 SET a=1 */;", []statement{{1, "/*!40101 SET NAMES utf8 */"}, {2, "/*M!100100 SET a=1 */"}}},
		"open at the end": {"select 1;\nselect 'a;", []statement{{1, "select 1"}, {2, "select 'a;"}}},
		"another delimiter": {"DELIMITER //\ncreate procedure p() begin\n  select 1;\nend//\ndelimiter ;\ncall p();\n",
			[]statement{{2, "create procedure p() begin\n  select 1;\nend"}, {6, "call p()"}}},
		"the lines of Windows": {"delimiter $$\r\nselect 1;$$\r\ndelimiter ;\r\nselect 2;\r\n", []statement{{2, "select 1;"}, {4, "select 2"}}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := splitMySQL(test.text); !slices.Equal(got, test.want) {
				t.Errorf("got %#v, want %#v", got, test.want)
			}
		})
	}
}

// FuzzSplit: no statement is empty, each stands in the file where its line
// says, and nothing but spaces, comments and delimiters is lost.
func FuzzSplit(f *testing.F) {
	f.Add("select 1;\n-- x\nselect 2")
	f.Add("delimiter //\nselect '\\';' /* ; */ // select `a`")
	f.Fuzz(func(t *testing.T, text string) {
		for _, s := range splitLines(text) {
			if strings.TrimSpace(s.text) == "" || s.line < 1 {
				t.Errorf("splitLines(%q) has %v", text, s)
			}
		}
		rest, line := text, 1
		for _, s := range splitMySQL(text) {
			at := strings.Index(rest, s.text)
			if at < 0 || strings.TrimSpace(s.text) == "" {
				t.Fatalf("splitMySQL(%q) has %q", text, s.text)
			}
			if line += strings.Count(rest[:at], "\n"); line > s.line {
				t.Errorf("splitMySQL(%q): %q begins in line %d, not before %d", text, s.text, s.line, line)
			}
			line += strings.Count(s.text, "\n")
			rest = rest[at+len(s.text):]
		}
	})
}
