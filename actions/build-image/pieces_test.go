package buildimage

import (
	"testing"

	"github.com/org/shipkit/internal/registrytest"
	"github.com/org/shipkit/pkg/action"
	"github.com/org/shipkit/pkg/registry"
)

// The input goes first, then what the registry cannot resume.
func TestMaxBlob(t *testing.T) {
	t.Parallel()
	server := registrytest.Start(t)
	for _, test := range []struct {
		profile registry.Profile
		input   action.Bytes
		want    int64
	}{
		{registry.ACR, 0, 16 << 20}, {registry.ACR, 1e6, 1e6}, {registry.ECR, 0, 0}, {registry.ECR, 1e6, 1e6},
	} {
		link := registry.NewLink(registry.LinkOptions{})
		repo, err := registry.Open(t.Context(), link, server.Repository(t, "team/app"), registry.Options{Profile: &test.profile})
		if err != nil {
			t.Fatal(err)
		}
		d := &decision{planner: &planner{job: &job{inputs: inputs{MaxBlobSize: test.input}}}, target: &targetPlan{repo: repo}}
		if got := d.maxBlob(); got != test.want {
			t.Errorf("%s with input %d: %d, want %d", test.profile.Name, test.input, got, test.want)
		}
		link.Close()
	}
}
