package ephemeralenv

import (
	"math"

	"github.com/org/shipkit/pkg/action"
)

// head is whose code a run holds, by the event that started it. Inputs may come
// from anywhere, an artifact of a fork's run too; the event comes from GitHub.
type head struct {
	pull int    // 0 if the event is not of a pull request
	sha  string // "" if it is not known
	// fork: the code comes from another repository.
	fork bool
}

// headOf reads the events that can start a run for a pull request
// (https://docs.github.com/en/webhooks/webhook-events-and-payloads).
func headOf(gh action.GitHub) head {
	if pull, ok := gh.Event["pull_request"].(map[string]any); ok {
		from, _ := pull["head"].(map[string]any)
		return head{pull: pullNumber(pull["number"]), sha: text(from["sha"]), fork: foreign(from["repo"], gh.Repository)}
	}
	if run, ok := gh.Event["workflow_run"].(map[string]any); ok {
		return head{sha: text(run["head_sha"]), fork: foreign(run["head_repository"], gh.Repository)}
	}
	return head{}
}

// foreign tells whether a repository of an event is another one. What is not
// there has been a fork that is deleted.
func foreign(repository any, ours string) bool {
	known, _ := repository.(map[string]any)
	return text(known["full_name"]) != ours
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

// pullNumber reads a number of a pull request; 0 if it is none.
func pullNumber(v any) int {
	n, _ := v.(float64)
	if n < 1 || n > math.MaxInt32 || n != math.Trunc(n) {
		return 0
	}
	return int(n)
}
