package nearest

import "testing"

func TestWord(t *testing.T) {
	words := []string{"service", "cluster", "task-definition", "wait-for-minutes"}
	for given, want := range map[string]string{
		"servise": "service", "taskDefinition": "task-definition", "task_definition": "task-definition",
		"minutes": "wait-for-minutes", "zzzzzz": "", "": "",
	} {
		if got := Word(given, words); got != want {
			t.Errorf("Word(%q) = %q, want %q", given, got, want)
		}
	}
}
