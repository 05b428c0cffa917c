package action

import (
	"fmt"
	"os"

	"github.com/sethvargo/go-githubactions"
)

// GitHub describes the run that started the action.
// https://docs.github.com/actions/reference/workflows-and-actions/variables
type GitHub struct {
	Repository string // owner/name
	SHA        string // commit that started the run
	Ref        string // refs/heads/main
	RefName    string // main
	HeadRef    string // source branch of a pull request
	BaseRef    string // target branch of a pull request
	Actor      string
	Workflow   string
	Job        string
	RunID      int64
	RunNumber  int64
	RunAttempt int64
	RunURL     string // "" outside GitHub
	EventName  string
	// Event is the payload of the event, empty if it could not be read.
	Event     map[string]any
	Workspace string // folder of the checkout
	ServerURL string // https://github.com
	APIURL    string // https://api.github.com
}

func readGitHub(host Host) GitHub {
	// An unreadable payload or a bad number leaves its field empty: an action
	// that needs one says so itself.
	c, _ := githubactions.New(githubactions.WithGetenv(host.Getenv)).Context()
	if c == nil {
		c = &githubactions.GitHubContext{}
	}
	gh := GitHub{
		Repository: c.Repository, SHA: c.SHA, Ref: c.Ref, RefName: c.RefName, HeadRef: c.HeadRef, BaseRef: c.BaseRef,
		Actor: c.Actor, Workflow: c.Workflow, Job: c.Job,
		RunID: c.RunID, RunNumber: c.RunNumber, RunAttempt: c.RunAttempt,
		EventName: c.EventName, Event: c.Event, Workspace: c.Workspace, ServerURL: c.ServerURL, APIURL: c.APIURL,
	}
	if gh.Repository != "" && gh.RunID > 0 {
		gh.RunURL = gh.ServerURL + "/" + gh.Repository + "/actions/runs/" + host.Getenv("GITHUB_RUN_ID")
	}
	return gh
}

// RunKey names who runs: the same for all attempts of a job of a workflow run,
// so that a re-run may take over what the job left; the process at a terminal.
func (rt *Runtime) RunKey() string {
	gh := rt.GitHub()
	if gh.RunID != 0 {
		return fmt.Sprintf("%s/%d/%s", gh.Repository, gh.RunID, gh.Job)
	}
	host, err := os.Hostname()
	if err != nil {
		host = "terminal"
	}
	return fmt.Sprintf("%s/%d", host, os.Getpid())
}
