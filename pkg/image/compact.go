package image

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
}

// Compaction is a decision, with what led to it.
type Compaction struct {
	// Compact tells to push the built image's own layers.
	Compact bool
	// Reasons are sentences for a person.
	Reasons []string
	// Secrets are paths that look like secrets, whose content the previous
	// layers hold and the built image does not. They are given in every mode.
	Secrets []string
}

// Decide tells whether to compact. merged is what [Verify] returned: the
// previous layers with the delta on top.
func (p CompactPolicy) Decide(merged, built *Index) Compaction { return Compaction{} }

// LooksSecret tells whether a file of this path commonly holds a secret, such
// as .env, id_rsa or .npmrc.
func LooksSecret(path string) bool { return false }
