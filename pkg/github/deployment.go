package github

import (
	"context"
	"fmt"

	"github.com/google/go-github/v75/github"
)

// State is a deployment's state on GitHub.
type State string

// The states of a deployment
// (https://docs.github.com/en/rest/deployments/statuses#create-a-deployment-status).
const (
	InProgress State = "in_progress"
	Success    State = "success"
	Failure    State = "failure"
	Inactive   State = "inactive"
)

// Deployment is one deployment of a ref to an environment.
type Deployment struct {
	Environment, Ref string
	// Transient environments end, such as a pull request's.
	Transient bool
}

// Deploy opens a deployment and returns its ID. No other check is waited for.
func (c *Client) Deploy(ctx context.Context, d Deployment) (int64, error) {
	what := "create deployment of " + d.Ref + " to " + d.Environment
	deployment, _, err := try(ctx, what, func() (*github.Deployment, *github.Response, error) {
		return c.api.Repositories.CreateDeployment(ctx, c.owner, c.name, &github.DeploymentRequest{
			Ref: &d.Ref, Environment: &d.Environment, TransientEnvironment: &d.Transient,
			ProductionEnvironment: github.Ptr(false), AutoMerge: github.Ptr(false), RequiredContexts: &[]string{},
		})
	})
	return deployment.GetID(), err
}

// Deployed returns the newest deployment of a ref to an environment that is a
// success and has stayed one; 0 if there is none.
func (c *Client) Deployed(ctx context.Context, d Deployment) (int64, error) {
	what := "look for a deployment of " + d.Ref + " to " + d.Environment
	list, _, err := try(ctx, what, func() ([]*github.Deployment, *github.Response, error) {
		return c.api.Repositories.ListDeployments(ctx, c.owner, c.name, &github.DeploymentsListOptions{Environment: d.Environment, SHA: d.Ref})
	})
	if err != nil || len(list) == 0 {
		return 0, err
	}
	id := list[0].GetID() // the newest comes first
	states, _, err := try(ctx, what, func() ([]*github.DeploymentStatus, *github.Response, error) {
		return c.api.Repositories.ListDeploymentStatuses(ctx, c.owner, c.name, id, nil)
	})
	if err != nil || len(states) == 0 || states[0].GetState() != string(Success) {
		return 0, err
	}
	return id, nil
}

// Mark sets a deployment's state, with the addresses of the environment and of
// the log; either may be "".
func (c *Client) Mark(ctx context.Context, id int64, state State, url, logURL, description string) error {
	_, _, err := try(ctx, fmt.Sprintf("mark deployment %d as %s", id, state),
		func() (*github.DeploymentStatus, *github.Response, error) {
			request := &github.DeploymentStatusRequest{
				State: github.Ptr(string(state)), Description: github.Ptr(cut(description, 140)), AutoInactive: github.Ptr(true),
			}
			if url != "" {
				request.EnvironmentURL = &url
			}
			if logURL != "" {
				request.LogURL = &logURL
			}
			return c.api.Repositories.CreateDeploymentStatus(ctx, c.owner, c.name, id, request)
		})
	return err
}

// Retire marks all deployments of an environment as inactive and returns how
// many there were.
func (c *Client) Retire(ctx context.Context, environment string) (int, error) {
	retired := 0
	options := &github.DeploymentsListOptions{Environment: environment, ListOptions: github.ListOptions{PerPage: 100}}
	for {
		page, response, err := try(ctx, "list deployments of "+environment, func() ([]*github.Deployment, *github.Response, error) {
			return c.api.Repositories.ListDeployments(ctx, c.owner, c.name, options)
		})
		if err != nil {
			return retired, err
		}
		for _, deployment := range page {
			if err := c.Mark(ctx, deployment.GetID(), Inactive, "", "", "the environment has ended"); err != nil {
				return retired, err
			}
			retired++
		}
		if response.NextPage == 0 {
			return retired, nil
		}
		options.Page = response.NextPage
	}
}

// Status is a commit status.
type Status struct {
	SHA, Context      string
	Passed            bool
	Description, Link string
}

// Set writes a commit status.
func (c *Client) Set(ctx context.Context, s Status) error {
	state := "failure"
	if s.Passed {
		state = "success"
	}
	status := &github.RepoStatus{State: &state, Context: &s.Context, Description: github.Ptr(cut(s.Description, 140))}
	if s.Link != "" {
		status.TargetURL = &s.Link
	}
	_, _, err := try(ctx, "set status of commit "+s.SHA, func() (*github.RepoStatus, *github.Response, error) {
		return c.api.Repositories.CreateStatus(ctx, c.owner, c.name, s.SHA, status)
	})
	return err
}

// Stands tells whether a commit bears a status already, as the last one of its
// context.
func (c *Client) Stands(ctx context.Context, s Status) (bool, error) {
	list, _, err := try(ctx, "list statuses of commit "+s.SHA, func() ([]*github.RepoStatus, *github.Response, error) {
		return c.api.Repositories.ListStatuses(ctx, c.owner, c.name, s.SHA, &github.ListOptions{PerPage: 100})
	})
	if err != nil {
		return false, err
	}
	for _, known := range list { // the newest first
		if known.GetContext() == s.Context {
			return (known.GetState() == "success") == s.Passed && known.GetTargetURL() == s.Link, nil
		}
	}
	return false, nil
}

// cut shortens a text to n runes.
func cut(s string, n int) string {
	if runes := []rune(s); len(runes) > n {
		return string(runes[:n-1]) + "…"
	}
	return s
}
