package buildimage

import (
	"context"
	"fmt"
	"strings"

	"github.com/org/shipkit/pkg/diag"
	"github.com/org/shipkit/pkg/image"
	"github.com/org/shipkit/pkg/markdown"
)

// slowLink is the speed of a link, in bytes a second, below which dead bytes
// in the registry are cheaper than pushing whole layers.
const slowLink = 4e6

// uplink returns the speed of the link in bytes a second as far as it is
// known: what the last push measured, at most bandwidth-limit; 0 is unknown.
func (d *decision) uplink() float64 {
	speed, limit := d.target.speed, float64(d.planner.job.BandwidthLimit)
	if limit > 0 && (speed == 0 || limit < speed) {
		return limit
	}
	return speed
}

// compaction decides about the previous layers with the delta on top, of which
// merged is the index. Over a slow link dead bytes wait, unless the registry
// holds every built layer, so that pushing them costs nothing.
func (d *decision) compaction(merged *image.Index) image.Compaction {
	speed := d.uplink()
	return image.CompactPolicy{
		Mode: image.CompactMode(d.planner.job.Compact), MaxLayers: d.planner.job.MaxLayers,
		MaxDeadShare: float64(d.planner.job.MaxDeadShare) / 100,
		Wait:         speed > 0 && speed < slowLink && d.freshBytes().stored > 0,
	}.Decide(merged, d.index)
}

// looser tells whether prev has more layers, or more that they hide, than
// built: else pushing the built layers gains nothing.
func looser(prev, built *image.Index) bool {
	return len(prev.Layers) > len(built.Layers) || prev.DeadShare() > built.DeadShare()
}

// compact plans the built layers whole, for the reasons of the decision.
func (d *decision) compact(ctx context.Context, c image.Compaction, changes *image.Changes) (*imagePlan, error) {
	d.reasons = append(d.reasons, c.Reasons...)
	planned, err := d.whole(ctx, changes)
	if planned != nil {
		planned.warnings = secretWarnings(c)
	}
	return planned, err
}

// noteWait says what a compaction that waits would cost.
func (d *decision) noteWait(c image.Compaction, merged *image.Index) {
	if c.Waits {
		d.because("%s, but whole layers, about %s, wait for a link of %.0f MB/s (this one: %.2f MB/s), at the latest for max-layers",
			c.Reasons[0], markdown.Bytes(d.wholeBytes(merged)), slowLink/1e6, d.uplink()/1e6)
	}
}

// wholeBytes estimates what the built layers that the previous image does not
// have would send: they compress as its layers did.
func (d *decision) wholeBytes(merged *image.Index) int64 {
	manifest, err := d.prev.Manifest()
	if err != nil {
		return 0
	}
	var packed, plain, send float64
	for n, layer := range manifest.Layers { // then come those of the delta
		packed, plain = packed+float64(layer.Size), plain+float64(merged.Layers[n].ArchiveSize())
	}
	for _, layer := range d.fresh() {
		size, _ := layer.Size()
		if mediaType, _ := layer.MediaType(); isPlain(mediaType) && plain > 0 {
			size = int64(float64(size) * min(1, packed/plain))
		}
		send += float64(size)
	}
	return int64(send)
}

// secretWarnings says which files that look like secrets the previous layers
// still hold.
func secretWarnings(c image.Compaction) []*diag.Diagnostic {
	if len(c.Secrets) == 0 {
		return nil
	}
	state := "the previous layers still hold them and are pushed again"
	if c.Compact {
		state = "the image is pushed without the layers that hold them"
	}
	return []*diag.Diagnostic{{
		Severity: diag.Warning,
		Summary:  fmt.Sprintf("files that look like secrets were removed (%s): %s", strings.Join(c.Secrets[:min(3, len(c.Secrets))], ", "), state),
		Try:      "change these secrets: earlier images in the registry hold them, for whoever can pull",
	}}
}
