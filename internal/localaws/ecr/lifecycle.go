package ecr

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// lifecycle is a lifecycle policy.
// https://docs.aws.amazon.com/AmazonECR/latest/userguide/lifecycle_policy_parameters.html
type lifecycle struct {
	Rules []rule `json:"rules"`
}

// rule expires images of a selection, by their number or by their age in days.
type rule struct {
	RulePriority int `json:"rulePriority"`
	Selection    struct {
		TagStatus     string   `json:"tagStatus"`
		TagPrefixList []string `json:"tagPrefixList"`
		CountType     string   `json:"countType"`
		CountNumber   int      `json:"countNumber"`
	} `json:"selection"`
}

// expired returns the digests that the rules, in order of priority, expire.
func (l lifecycle) expired(images map[string]*stored, now time.Time) []string {
	rules := slices.Clone(l.Rules)
	slices.SortFunc(rules, func(a, b rule) int { return a.RulePriority - b.RulePriority })
	newest := slices.SortedFunc(maps.Keys(images), func(a, b string) int {
		return images[b].PushedAt.Compare(images[a].PushedAt)
	})
	seen := map[string]bool{} // an image belongs to the first rule that selects it
	var gone []string
	for _, rule := range rules {
		count := 0
		for _, digest := range newest {
			img := images[digest]
			if seen[digest] || !selects(rule.Selection.TagStatus, rule.Selection.TagPrefixList, img.Tags) {
				continue
			}
			seen[digest] = true
			count++
			age := now.Sub(img.PushedAt)
			old := rule.Selection.CountType == "sinceImagePushed" && age > time.Duration(rule.Selection.CountNumber)*24*time.Hour
			if old || rule.Selection.CountType == "imageCountMoreThan" && count > rule.Selection.CountNumber {
				gone = append(gone, digest)
			}
		}
	}
	return gone
}

// selects reports whether a rule's selection covers an image with these tags.
func selects(status string, prefixes, tags []string) bool {
	switch status {
	case "any":
		return true
	case "untagged":
		return len(tags) == 0
	}
	return slices.ContainsFunc(tags, func(tag string) bool {
		return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(tag, p) })
	})
}
