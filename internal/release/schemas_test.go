package release_test

import (
	"os/exec"
	"strings"
	"testing"
)

// TestNoSchemasAreLinked: a client of the AWS SDK that brings the schemas of
// all its operations costs up to 0.8 MB and 2.5 ms of every start.
// See docs/adr/0006-clients-without-schemas.md.
func TestNoSchemasAreLinked(t *testing.T) {
	list := exec.CommandContext(t.Context(), "go", "list", "-deps", "./cmd/shipkit")
	list.Dir = root
	packages, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(packages), "/aws-sdk-go-v2/service/ecs\n") {
		t.Fatal("the list lacks ECS's client")
	}
	for name := range strings.Lines(string(packages)) {
		if strings.HasSuffix(strings.TrimSpace(name), "/schemas") {
			t.Errorf("%s is linked: take the client's last version without it, or decide again", strings.TrimSpace(name))
		}
	}
}
