package github

import (
	"context"
	"fmt"
	"net/http"
	"strings"

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

// ConsentPrefix begins the label with which a maintainer lets a fork's commit
// have an environment: the commit follows. A push brings another commit, for
// which the label does not count.
const ConsentPrefix = "shipkit-ok:"

// labelLimit is the longest name of a label.
const labelLimit = 50

// Consent is the label that a commit needs, with as many of its digits as a
// label holds: of a short prefix somebody could make two commits, a good one to
// show and a bad one to push.
func Consent(sha string) string {
	label := ConsentPrefix + strings.ToLower(sha)
	return label[:min(len(label), labelLimit)]
}

// shortestSHA is the length of a commit's SHA-1 in digits.
const shortestSHA = 40

// Trusted tells whether a pull request may have credentials: it is of the
// repository itself, or a maintainer has labelled this very commit. Only those
// with triage rights can set labels
// (https://docs.github.com/en/organizations/managing-user-access-to-your-organizations-repositories/managing-repository-roles/repository-roles-for-an-organization).
func (p Pull) Trusted() bool {
	if !p.Fork {
		return true
	}
	for _, label := range p.Labels {
		if len(p.SHA) >= shortestSHA && strings.EqualFold(label, Consent(p.SHA)) {
			return true
		}
	}
	return false
}
