package image

import (
	"fmt"
	"slices"
)

// CompactMode tells when an image is pushed whole although a delta is smaller.
type CompactMode string

// The modes of compaction.
const (
	CompactAuto   CompactMode = "auto"
	CompactAlways CompactMode = "always"
	CompactNever  CompactMode = "never"
)

// CompactPolicy bounds how far deltas may pile up.
type CompactPolicy struct {
	Mode CompactMode
	// MaxLayers is the most layers an image may have.
	MaxLayers int
	// MaxDeadShare is the largest part, 0 to 1, of an image's content that
	// the merged filesystem no longer shows.
	MaxDeadShare float64
	// Wait makes dead bytes wait: pushing whole layers costs too much now.
	// Neither a secret nor MaxLayers waits.
	Wait bool
}

// Compaction is a decision, with what led to it.
type Compaction struct {
	// Compact tells to push the built image's own layers.
	Compact bool
	// Urgent tells that a secret is the reason.
	Urgent bool
	// Waits tells that the image would be compacted but for Wait.
	Waits bool
	// Reasons are sentences for a person.
	Reasons []string
	// Secrets are paths that look like secrets, whose content the previous
	// layers hold and the built image does not. They are given in every mode.
	Secrets []string
}

// Decide tells whether to compact. merged is what [Verify] returned: the
// previous layers with the delta on top.
func (p CompactPolicy) Decide(merged, built *Index) Compaction {
	c := Compaction{Secrets: leftSecrets(merged, built)}
	c.Urgent = len(c.Secrets) > 0
	if c.Urgent {
		c.Reasons = append(c.Reasons, fmt.Sprintf(
			"%q looks like a secret and is not in the new image, but lower layers would still hold it", c.Secrets[0]))
	}
	n := len(merged.Layers)
	deep := p.MaxLayers > 0 && n > p.MaxLayers && n > len(built.Layers)
	if deep {
		c.Reasons = append(c.Reasons, fmt.Sprintf("the image would have %d layers, at most %d are wanted", n, p.MaxLayers))
	}
	dead := merged.DeadShare()
	heavy := p.MaxDeadShare > 0 && dead > p.MaxDeadShare && dead > built.DeadShare()
	if heavy {
		c.Reasons = append(c.Reasons, fmt.Sprintf(
			"%.0f %% of the image would be files that are replaced or removed, at most %.0f %% are wanted",
			100*dead, 100*p.MaxDeadShare))
	}
	switch p.Mode {
	case CompactAlways:
		c.Reasons = append(c.Reasons, "compaction is always wanted")
		c.Compact = true
	case CompactNever:
	case CompactAuto:
		c.Compact = c.Urgent || deep || heavy && !p.Wait
		c.Waits = heavy && !c.Compact
	}
	return c
}

// DeadShare returns the part, 0 to 1, of the layers' content that the merged
// filesystem does not show. Every host that pulls the image pays for it.
func (ix *Index) DeadShare() float64 {
	var total, live int64
	for _, u := range ix.Usage() {
		total, live = total+u.Total, live+u.Live
	}
	if total == 0 {
		return 0
	}
	return float64(total-live) / float64(total)
}

// leftSecrets returns paths that look like secrets, that the built image no
// longer has, and whose content is in a layer of merged but in none of built.
// A secret that was replaced is not among them: its successor ships as well.
func leftSecrets(merged, built *Index) []string {
	shipped := map[content]bool{}
	for _, layer := range built.Layers {
		for _, e := range layer.Entries {
			if e.Type == Regular {
				shipped[contentOf(e.File)] = true
			}
		}
	}
	var out []string
	for _, layer := range merged.Layers {
		for _, e := range layer.Entries {
			if e.Type != Regular || e.Size == 0 || shipped[contentOf(e.File)] || !LooksSecret(e.Path) {
				continue
			}
			if now := built.Find(e.Path); now == nil || now.Size == 0 {
				out = append(out, e.Path)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
