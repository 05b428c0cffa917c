package snapshot

import (
	"os/exec"
	"strings"
	"testing"
)

// TestTemplatesPassTheLinter holds the templates against CloudFormation's own
// schemas of resources.
func TestTemplatesPassTheLinter(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "../../.venv/bin/cfn-lint", "templates/rds-instance.yml", "templates/aurora-cluster.yml").CombinedOutput()
	if err != nil {
		t.Errorf("cfn-lint (make emulators installs it): %v\n%s", err, out)
	}
}

// TestDefaultClass: the estimate is about the class that the templates make.
func TestDefaultClass(t *testing.T) {
	for _, template := range []string{instanceTemplate, clusterTemplate} {
		if !strings.Contains(template, "InstanceClass: {Type: String, Default: "+defaultClass+"}") {
			t.Errorf("a template has another default than %s", defaultClass)
		}
	}
}
