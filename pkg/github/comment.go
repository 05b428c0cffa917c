package github

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/google/go-github/v75/github"
)

// A sticky comment begins with a line that only machines see:
//
//	<!-- shipkit KEY run=N -->
//
// The comment with the lowest id is the one that stays. The run number decides
// who wrote last: an older run never writes over a newer one.

// Comment is a sticky comment's content.
type Comment struct {
	// Key tells one sticky comment from another on the same pull request.
	Key string
	// Run orders the writers: the workflow's run ID, or any growing number.
	Run  int64
	Body string
	// Same tells whether a comment that is there says the same as Body, and may
	// stay as it is; nil is never.
	Same func(known string) bool
}

// Stick writes the comment on a pull request: it edits the one that is there
// or creates it, and removes doubles that a race has made. One that says the
// same already stays. It returns false if
// a newer run has written already.
func (c *Client) Stick(ctx context.Context, number int, comment Comment) (bool, error) {
	what := fmt.Sprintf("comment on pull request %d", number)
	mine, err := c.stuck(ctx, number, comment.Key)
	if err != nil {
		return false, err
	}
	for _, existing := range mine {
		if run(existing, comment.Key) > comment.Run {
			return false, nil
		}
	}
	if len(mine) == 1 && comment.Same != nil {
		if _, known, _ := strings.Cut(mine[0].GetBody(), "\n"); comment.Same(known) {
			return true, nil
		}
	}
	text := &github.IssueComment{Body: github.Ptr(header(comment.Key, comment.Run) + comment.Body)}
	if len(mine) == 0 {
		if _, _, err := try(ctx, what, func() (*github.IssueComment, *github.Response, error) {
			return c.api.Issues.CreateComment(ctx, c.owner, c.name, number, text)
		}); err != nil {
			return false, err
		}
		return true, c.unstick(ctx, number, comment.Key)
	}
	if _, _, err := try(ctx, what, func() (*github.IssueComment, *github.Response, error) {
		return c.api.Issues.EditComment(ctx, c.owner, c.name, mine[0].GetID(), text)
	}); err != nil {
		return false, err
	}
	return true, c.unstick(ctx, number, comment.Key)
}

// unstick removes all but the first of the comments with a key. If the first
// is older than one of the others, it takes that one's text.
func (c *Client) unstick(ctx context.Context, number int, key string) error {
	mine, err := c.stuck(ctx, number, key)
	if err != nil || len(mine) < 2 {
		return err
	}
	what := fmt.Sprintf("merge double comments on pull request %d", number)
	newest := slices.MaxFunc(mine, func(a, b *github.IssueComment) int {
		return int(run(a, key) - run(b, key))
	})
	if run(newest, key) > run(mine[0], key) {
		if _, _, err := try(ctx, what, func() (*github.IssueComment, *github.Response, error) {
			return c.api.Issues.EditComment(ctx, c.owner, c.name, mine[0].GetID(), &github.IssueComment{Body: newest.Body})
		}); err != nil {
			return err
		}
	}
	for _, double := range mine[1:] {
		if _, response, err := try(ctx, what, func() (struct{}, *github.Response, error) {
			response, err := c.api.Issues.DeleteComment(ctx, c.owner, c.name, double.GetID())
			return struct{}{}, response, err //nolint:wrapcheck // try says what it was about
		}); err != nil && (response == nil || response.StatusCode != http.StatusNotFound) {
			return err
		}
	}
	return nil
}

// stuck lists the comments with a key, the lowest id first.
func (c *Client) stuck(ctx context.Context, number int, key string) ([]*github.IssueComment, error) {
	var mine []*github.IssueComment
	options := &github.IssueListCommentsOptions{ListOptions: github.ListOptions{PerPage: 100}}
	for {
		page, response, err := try(ctx, fmt.Sprintf("list comments of pull request %d", number),
			func() ([]*github.IssueComment, *github.Response, error) {
				return c.api.Issues.ListComments(ctx, c.owner, c.name, number, options)
			})
		if err != nil {
			return nil, err
		}
		for _, comment := range page {
			if strings.HasPrefix(comment.GetBody(), prefix(key)) && ours(comment) {
				mine = append(mine, comment)
			}
		}
		if response.NextPage == 0 {
			break
		}
		options.Page = response.NextPage
	}
	slices.SortFunc(mine, func(a, b *github.IssueComment) int { return int(a.GetID() - b.GetID()) })
	return mine, nil
}

// ours tells whether a comment may be one of shipkit's: anybody can write one
// that begins like it, and would have us spread, or wait for, what it says. An
// app must be installed to comment; a token of a person is one of the team's
// (https://docs.github.com/en/graphql/reference/enums#commentauthorassociation).
func ours(comment *github.IssueComment) bool {
	if comment.GetUser().GetType() == "Bot" {
		return true
	}
	return slices.Contains([]string{"OWNER", "MEMBER", "COLLABORATOR"}, comment.GetAuthorAssociation())
}

func prefix(key string) string { return "<!-- shipkit " + key + " run=" }

func header(key string, run int64) string { return fmt.Sprintf("%s%d -->\n", prefix(key), run) }

// run reads which run wrote a comment; 0 if it was edited by hand.
func run(comment *github.IssueComment, key string) int64 {
	rest := strings.TrimPrefix(comment.GetBody(), prefix(key))
	number, _, _ := strings.Cut(rest, " ")
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return 0
	}
	return n
}
