package buildimage

import (
	"encoding/json"
	"strconv"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/org/shipkit/pkg/action"
	"github.com/org/shipkit/pkg/build"
	"github.com/org/shipkit/pkg/registry"
)

func setBuildOutputs(rt *action.Runtime, built *build.Built) {
	rt.SetOutput("metadata", string(built.Metadata))
	if id, err := built.Images[0].ConfigName(); err == nil {
		rt.SetOutput("imageid", id.String())
	}
	if digest, err := built.Images[0].Digest(); err == nil {
		rt.SetOutput("digest", digest.String())
	}
}

// setPlanOutputs sets what is known before the push: all but what it sent. The
// outputs are those of the first repository.
func setPlanOutputs(rt *action.Runtime, p *plan) {
	if text, err := planJSON(p); err == nil {
		rt.SetOutput("plan", text)
	}
	first := p.targets[0]
	layers, files := 0, 0
	for _, i := range first.images {
		layers += i.count(reused) + i.count(mounted)
		files += i.deltaFiles()
	}
	rt.SetOutput("layers-reused", strconv.Itoa(layers))
	rt.SetOutput("delta-files", strconv.Itoa(files))
	rt.SetOutput("previous-digest", digestText(first))
	rt.SetOutput("bytes-total", strconv.FormatInt(p.total(), 10))
}

func setResultOutputs(rt *action.Runtime, r result, metadata []byte) {
	rt.SetOutput("bytes-sent", strconv.FormatInt(r.sent, 10))
	rt.SetOutput("bytes-received", strconv.FormatInt(r.received, 10))
	rt.SetOutput("bytes-saved", strconv.FormatInt(max(0, r.plan.total()-r.sent), 10))
	if r.err != nil {
		return
	}
	first := r.plan.targets[0]
	digest := first.top.Descriptor().Digest.String()
	rt.SetOutput("digest", digest)
	rt.SetOutput("metadata", pushedMetadata(metadata, digest))
	rt.SetOutput("image-ref", first.repository.String()+"@"+digest)
	if config := first.images[0].config; len(config) > 0 {
		rt.SetOutput("imageid", registry.BytesBlob(config).Digest.String())
	}
}

// digestText returns the digest that was compared with, "" for none.
func digestText(t *targetPlan) string {
	if t.previous == (v1.Hash{}) {
		return ""
	}
	return t.previous.String()
}

func (i *imagePlan) count(f fate) (n int) {
	for _, layer := range i.layers {
		if layer.fate == f {
			n++
		}
	}
	return n
}

// deltaFiles returns the number of paths in the delta layer.
func (i *imagePlan) deltaFiles() int {
	if i.mode != modeDelta || i.changes == nil {
		return 0
	}
	return len(i.changes.All)
}

// pushedMetadata returns the builder's metadata with the digest that was
// pushed, which later steps look for under this key.
func pushedMetadata(metadata []byte, digest string) string {
	fields := map[string]any{}
	if len(metadata) > 0 && json.Unmarshal(metadata, &fields) != nil {
		return string(metadata)
	}
	fields["containerimage.digest"] = digest
	text, err := json.Marshal(fields)
	if err != nil {
		return string(metadata)
	}
	return string(text)
}
