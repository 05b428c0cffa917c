package buildimage

import (
	"regexp"
	"strings"

	"github.com/org/shipkit/pkg/action"
	"github.com/org/shipkit/pkg/build"
)

// Keys of labels, https://github.com/opencontainers/image-spec/blob/v1.1.1/annotations.md.
const (
	labelSource   = "org.opencontainers.image.source"
	labelRevision = "org.opencontainers.image.revision"
	labelVersion  = "org.opencontainers.image.version"
	labelCreated  = "org.opencontainers.image.created"
)

// commitLabels are the labels that the run's commit gives. The commit's time
// stands for the build's, so that building it again gives the same image.
func commitLabels(gh action.GitHub, version string) []build.KeyValue {
	labels := []build.KeyValue{{Key: labelVersion, Value: version}, {Key: labelRevision, Value: gh.SHA}}
	if gh.Repository != "" {
		labels = append(labels, build.KeyValue{Key: labelSource, Value: gh.ServerURL + "/" + gh.Repository})
	}
	if commit, ok := gh.Event["head_commit"].(map[string]any); ok {
		time, _ := commit["timestamp"].(string)
		labels = append(labels, build.KeyValue{Key: labelCreated, Value: time})
	}
	return labels
}

var versionTag = regexp.MustCompile(`^v?\d+(\.\d+)*`)

// buildVersion names the commit: its version tag, else the short revision.
func buildVersion(gh action.GitHub) string {
	if strings.HasPrefix(gh.Ref, "refs/tags/") && versionTag.MatchString(gh.RefName) {
		return gh.RefName
	}
	return gh.SHA[:min(12, len(gh.SHA))]
}
