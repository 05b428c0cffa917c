package github

import (
	"context"
	"fmt"
	"net/http"

	"github.com/google/go-github/v75/github"
)

// Pull is a pull request.
type Pull struct {
	Number int
	Open   bool
	SHA    string
	// Fork tells that its head is in another repository: its author may be
	// anybody.
	Fork   bool
	Labels []string
}

func fromPull(p *github.PullRequest) Pull {
	pull := Pull{
		Number: p.GetNumber(), Open: p.GetState() == "open", SHA: p.GetHead().GetSHA(),
		// A head without a repository is a fork that has been deleted.
		Fork: p.GetHead().GetRepo() == nil || p.GetHead().GetRepo().GetFullName() != p.GetBase().GetRepo().GetFullName(),
	}
	for _, label := range p.Labels {
		pull.Labels = append(pull.Labels, label.GetName())
	}
	return pull
}

// Pull looks one pull request up: false if there is none of that number.
func (c *Client) Pull(ctx context.Context, number int) (Pull, bool, error) {
	pull, response, err := try(ctx, fmt.Sprintf("look up pull request %d", number),
		func() (*github.PullRequest, *github.Response, error) {
			return c.api.PullRequests.Get(ctx, c.owner, c.name, number)
		})
	if err != nil {
		if response != nil && response.StatusCode == http.StatusNotFound {
			return Pull{}, false, nil
		}
		return Pull{}, false, err
	}
	return fromPull(pull), true, nil
}

// Open lists the open pull requests by number.
func (c *Client) Open(ctx context.Context) (map[int]Pull, error) {
	open := map[int]Pull{}
	options := &github.PullRequestListOptions{State: "open", ListOptions: github.ListOptions{PerPage: 100}}
	for {
		page, response, err := try(ctx, "list open pull requests", func() ([]*github.PullRequest, *github.Response, error) {
			return c.api.PullRequests.List(ctx, c.owner, c.name, options)
		})
		if err != nil {
			return nil, err
		}
		for _, pull := range page {
			open[pull.GetNumber()] = fromPull(pull)
		}
		if response.NextPage == 0 {
			return open, nil
		}
		options.Page = response.NextPage
	}
}
