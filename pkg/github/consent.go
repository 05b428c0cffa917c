package github

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/google/go-github/v75/github"

	"github.com/org/shipkit/pkg/diag"
)

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

// Trusted returns nil if a pull request may have credentials: it is of the
// repository itself, or somebody who may write to it has labelled this very
// commit. Labels alone do not say so, since the role triage sets them too
// (https://docs.github.com/en/organizations/managing-user-access-to-your-organizations-repositories/managing-repository-roles/repository-roles-for-an-organization).
//
// The token needs pull-requests: read for the events; every token may ask for a
// user's permission.
func (c *Client) Trusted(ctx context.Context, p Pull) error {
	if !p.Fork {
		return nil
	}
	refuse := func(why, try string) error {
		return &diag.Diagnostic{Summary: fmt.Sprintf("pull request %d comes from a fork: %s", p.Number, why), Try: try}
	}
	label := Consent(p.SHA)
	if !p.bears(label) {
		return refuse(fmt.Sprintf("commit %.12s has no maintainer's consent", p.SHA),
			fmt.Sprintf("a maintainer reads that commit and sets the label %q", label))
	}
	again := fmt.Sprintf("somebody with the role write, maintain or admin reads commit %.12s, removes the label and sets it again", p.SHA)
	actor, err := c.labelled(ctx, p.Number, label)
	switch {
	case err != nil:
		return err
	case actor == nil:
		return refuse(fmt.Sprintf("no event tells who set the label %q", label), again)
	case actor.GetType() != "User":
		return refuse(fmt.Sprintf("the label %q was set by %s, which is not a person", label, actor.GetLogin()), again)
	}
	role, writes, err := c.role(ctx, actor.GetLogin())
	if err != nil {
		return err
	}
	if !writes {
		return refuse(fmt.Sprintf("the label %q was set by %s, whose role is %s", label, actor.GetLogin(), role), again)
	}
	return nil
}

// bears tells whether the pull request has the label of a whole commit.
func (p Pull) bears(label string) bool {
	for _, name := range p.Labels {
		if len(p.SHA) >= shortestSHA && strings.EqualFold(name, label) {
			return true
		}
	}
	return false
}

// labelled tells who was the last to set a label; nil if that is not known, or
// if it has been removed since
// (https://docs.github.com/en/rest/issues/events#list-issue-events).
func (c *Client) labelled(ctx context.Context, number int, label string) (*github.User, error) {
	var last *github.IssueEvent
	options := &github.ListOptions{PerPage: 100}
	for {
		page, response, err := try(ctx, fmt.Sprintf("list events of pull request %d", number),
			func() ([]*github.IssueEvent, *github.Response, error) {
				return c.api.Issues.ListIssueEvents(ctx, c.owner, c.name, number, options)
			})
		if err != nil {
			return nil, err
		}
		for _, event := range page {
			concerns := event.GetEvent() == "labeled" || event.GetEvent() == "unlabeled"
			if concerns && strings.EqualFold(event.GetLabel().GetName(), label) && (last == nil || event.GetID() > last.GetID()) {
				last = event
			}
		}
		if response.NextPage == 0 {
			break
		}
		options.Page = response.NextPage
	}
	if last.GetEvent() != "labeled" {
		return nil, nil //nolint:nilnil // nobody who is known
	}
	return last.GetActor(), nil
}

// role returns a user's role in the repository, and whether it may write.
// GitHub maps all roles, an organization's own too, to admin, write, read and
// none
// (https://docs.github.com/en/rest/collaborators/collaborators#get-repository-permissions-for-a-user).
func (c *Client) role(ctx context.Context, user string) (string, bool, error) {
	level, response, err := try(ctx, "look up the permission of "+user,
		func() (*github.RepositoryPermissionLevel, *github.Response, error) {
			return c.api.Repositories.GetPermissionLevel(ctx, c.owner, c.name, user)
		})
	if err != nil {
		if response != nil && response.StatusCode == http.StatusNotFound {
			return "none", false, nil
		}
		return "", false, err
	}
	role := level.GetRoleName()
	if role == "" {
		role = level.GetPermission()
	}
	return role, level.GetPermission() == "admin" || level.GetPermission() == "write", nil
}
