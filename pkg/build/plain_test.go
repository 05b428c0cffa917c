package build

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/org/shipkit/pkg/diag"
	"github.com/org/shipkit/pkg/progress"
)

// The logs in testdata are what BuildKit printed: v20 in Docker 20.10, v26 in
// buildx with BuildKit 0.26.
func TestFailureFindsTheLine(t *testing.T) {
	tests := []struct {
		log, dockerfile string
		line            int
		summary, detail string
	}{
		{"v20-step.log", "step.Dockerfile", 3, `[2/2] RUN ["/bin/false"]`, "no such file or directory"},
		{"v26-step.log", "step.Dockerfile", 3, `[2/2] RUN ["/bin/false"]`, "no such file or directory"},
		{"v20-parse.log", "parse.Dockerfile", 2, "unknown instruction: COPI", ""},
		{"v26-parse.log", "parse.Dockerfile", 2, "unknown instruction: COPI", ""},
	}
	for _, test := range tests {
		t.Run(test.log, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join("testdata", test.log))
			if err != nil {
				t.Fatal(err)
			}
			said := &plainLog{}
			for line := range strings.Lines(string(text)) {
				said.add(strings.TrimRight(line, "\n"))
			}
			file := filepath.Join("testdata", test.dockerfile)
			found := diag.From(said.failure(file, errors.New("exit status 1")))
			if len(found) != 1 {
				t.Fatalf("%d findings", len(found))
			}
			if found[0].Line != test.line || found[0].File != file {
				t.Errorf("place %s, want line %d", found[0].Place(), test.line)
			}
			if !strings.Contains(found[0].Summary, test.summary) || !strings.Contains(found[0].Detail, test.detail) {
				t.Errorf("summary %q, detail %q", found[0].Summary, found[0].Detail)
			}
		})
	}
}

func TestPlainLogReportsSteps(t *testing.T) {
	var texts []string
	said := &plainLog{progress: func(e progress.Event) { texts = append(texts, e.Text) }}
	for _, line := range []string{"#1 [1/2] COPY a /a", "#1 CACHED", "#2 [2/2] RUN make", "#2 0.1 cc main.c", "#2 DONE 1.5s", ""} {
		said.add(line)
	}
	want := []string{"[1/2] COPY a /a", "[1/2] COPY a /a, cached", "[2/2] RUN make", "[2/2] RUN make, DONE 1.5s"}
	if !slices.Equal(texts, want) {
		t.Errorf("steps %q, want %q", texts, want)
	}
}

func TestLineOfJoinsContinuations(t *testing.T) {
	file := filepath.Join(t.TempDir(), "Dockerfile")
	if err := os.WriteFile(file, []byte("FROM scratch\n\nRUN one && \\\n    two\nRUN three\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for instruction, want := range map[string]int{"RUN one &&     two": 3, "RUN three": 5, "RUN four": 0} {
		if got := lineOf(file, instruction); got != want {
			t.Errorf("lineOf(%q) = %d, want %d", instruction, got, want)
		}
	}
}

func FuzzPlainLog(f *testing.F) {
	f.Add("#5 [2/3] RUN make\n#5 ERROR: exit code: 1\nDockerfile:3\n   3 | >>> RUN make\nERROR: failed")
	f.Fuzz(func(t *testing.T, text string) {
		said := &plainLog{}
		for line := range strings.Lines(text) {
			said.add(line)
		}
		if err := said.failure("", errors.New("exit status 1")); err == nil {
			t.Error("a failed build gave no error")
		}
	})
}
