package action

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strings"

	"github.com/sethvargo/go-githubactions"
)

// maxOutput is GitHub's limit for all outputs of a job, in bytes.
const maxOutput = 1 << 20

// commandFiles writes the files through which a step talks to the runner.
// https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands#environment-files
type commandFiles struct{ host Host }

// value appends one named value to the file of command: output or state.
//
// The library's fixed delimiter would let a crafted value end its own block
// and set a second output; a random one cannot be guessed.
func (c *commandFiles) value(command, name, value string) error {
	if len(value) > maxOutput {
		return fmt.Errorf("write %s %q: %d bytes are more than GitHub's limit of %d", command, name, len(value), maxOutput)
	}
	if name == "" || strings.ContainsAny(name, "\r\n=<") {
		return fmt.Errorf("write %s %q: not a usable name", command, name)
	}
	delimiter := "shipkit-" + rand.Text()
	message := name + "<<" + delimiter + "\n" + value + "\n" + delimiter
	if err := c.write(command, message); err != nil {
		return fmt.Errorf("write %s %q: %w", command, name, err)
	}
	return nil
}

// summary appends Markdown to the job summary. A terminal and a runner
// without that file (older GitHub Enterprise) have none.
func (c *commandFiles) summary(md string) error {
	if !c.host.OnGitHub() || c.host.Getenv("GITHUB_STEP_SUMMARY") == "" {
		return nil
	}
	if err := c.write("step-summary", md); err != nil {
		return fmt.Errorf("write job summary: %w", err)
	}
	return nil
}

// write turns the library's panic into an error.
func (c *commandFiles) write(command, message string) (err error) {
	variable := "GITHUB_" + strings.ToUpper(strings.ReplaceAll(command, "-", "_"))
	if c.host.Getenv(variable) == "" {
		return errors.New(variable + " is not set")
	}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("append to the file of %s: %v", variable, p)
		}
	}()
	githubactions.New(githubactions.WithGetenv(c.host.Getenv)).
		IssueFileCommand(&githubactions.Command{Name: command, Message: message})
	return nil
}
