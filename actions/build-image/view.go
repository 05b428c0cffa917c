package buildimage

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/org/shipkit/pkg/diag"
	"github.com/org/shipkit/pkg/markdown"
)

// result is how a push ended.
type result struct {
	plan           *plan
	sent, received int64
	took           time.Duration
	err            error
}

// total returns the bytes that the images are.
func (p *plan) total() (n int64) {
	for _, t := range p.targets {
		n += t.total()
	}
	return n
}

func (p *plan) warnings() (found []*diag.Diagnostic) {
	for _, t := range p.targets {
		for _, i := range t.images {
			found = append(found, i.warnings...)
		}
	}
	return found
}

// headline says how much went over the wire:
// sent 0.2 MB of 241.0 MB (99.9 % saved), received 5.1 kB, 1m02s.
func (r result) headline() string {
	total := r.plan.total()
	text := fmt.Sprintf("sent %s of %s", markdown.Bytes(r.sent), markdown.Bytes(total))
	if r.sent < total {
		text += fmt.Sprintf(" (%s %% saved)", percent(float64(total-r.sent)/float64(total)*100))
	}
	return text + ", received " + markdown.Bytes(r.received) + ", " + markdown.Duration(r.took)
}

// percent keeps 99.98 from becoming 100.
func percent(p float64) string {
	if p > 99.9 {
		return fmt.Sprintf("%.2f", p)
	}
	return fmt.Sprintf("%.1f", p)
}

// planText is the plan in the log: a line for each fact.
func planText(p *plan) string {
	var b strings.Builder
	for _, t := range p.targets {
		fmt.Fprintf(&b, "push to %s: %s\n", t.repository, strings.Join(t.tags, ", "))
		for _, note := range t.notes {
			fmt.Fprintf(&b, "  note: %s\n", note)
		}
		for _, i := range t.images {
			fmt.Fprintf(&b, "  %s: %s, because %s\n", i.platform, i.mode, strings.Join(i.reasons, "; "))
			fmt.Fprintf(&b, "    layers: %s\n", fatesText(i))
			writeLargest(&b, i)
		}
		fmt.Fprintf(&b, "  sends %s%s\n", markdown.Bytes(t.sends()), estimate(t))
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func estimate(t *targetPlan) string {
	if t.duration() < time.Second {
		return ""
	}
	return fmt.Sprintf(", about %s at the last push's %.2f MB/s", markdown.Duration(t.duration()), t.speed/1e6)
}

func writeLargest(b *strings.Builder, i *imagePlan) {
	if i.changes == nil || i.changes.Empty() {
		return
	}
	added, modified, removed := i.changes.Count()
	fmt.Fprintf(b, "    files: %d added, %d changed, %d removed\n", added, modified, removed)
	for _, change := range i.changes.Largest(5) {
		fmt.Fprintf(b, "      %s %s, %s\n", change.Kind, change.Path, markdown.Bytes(change.Bytes))
	}
}

// fatesText counts layers: 11 reused, 1 sent (0.2 MB).
func fatesText(i *imagePlan) string {
	counts, bytes := map[fate]int{}, map[fate]int64{}
	for _, layer := range i.layers {
		counts[layer.fate]++
		bytes[layer.fate] += layer.descriptor.Size
	}
	var parts []string
	for _, f := range []fate{reused, mounted, foreign, sent} {
		if counts[f] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s (%s)", counts[f], f, markdown.Bytes(bytes[f])))
		}
	}
	return strings.Join(parts, ", ")
}

// planView is the plan in the job summary.
func planView(p *plan) string {
	var b strings.Builder
	for _, t := range p.targets {
		fmt.Fprintf(&b, "### Would send %s to %s%s\n\n", markdown.Bytes(t.sends()), markdown.Code(t.repository.String()), estimate(t))
		b.WriteString(imagesTable(t))
		b.WriteString(notesView(t))
		b.WriteString(changesView(t))
	}
	return b.String()
}

// summaryView is the result in the job summary: the verdict, then one table.
func summaryView(r result) string {
	var b strings.Builder
	verdict := "✅ Pushed: " + r.headline()
	if !slices.ContainsFunc(r.plan.targets, func(t *targetPlan) bool { return !t.unchanged() }) {
		verdict = "✅ Nothing changed: " + r.headline()
	}
	if r.err != nil {
		verdict = fmt.Sprintf("❌ Push failed after it sent %s, %s", markdown.Bytes(r.sent), markdown.Duration(r.took))
	}
	fmt.Fprintf(&b, "### %s\n\n", verdict)
	if r.err != nil {
		b.WriteString("What arrived is kept: a re-run with the same `resume-dir` goes on from there.\n\n")
	}
	for _, t := range r.plan.targets {
		fmt.Fprintf(&b, "%s, tags %s, digest %s\n\n", markdown.Code(t.repository.String()),
			markdown.Escape(strings.Join(t.tags, ", ")), markdown.Code(markdown.Digest(t.top.Descriptor().Digest.String())))
		b.WriteString(imagesTable(t))
		b.WriteString(notesView(t))
		b.WriteString(changesView(t))
	}
	return b.String()
}

// notesView lists what the user should know beside the plan.
func notesView(t *targetPlan) string {
	if len(t.notes) == 0 {
		return ""
	}
	var b strings.Builder
	for _, note := range t.notes {
		fmt.Fprintf(&b, "- %s\n", markdown.Escape(note))
	}
	return b.String() + "\n"
}

func imagesTable(t *targetPlan) string {
	rows := make([][]string, len(t.images))
	for n, i := range t.images {
		rows[n] = []string{
			markdown.Escape(i.platform), string(i.mode), fatesText(i), markdown.Bytes(i.sends()), markdown.Bytes(i.total()),
			markdown.Escape(strings.Join(i.reasons, "; ")),
		}
	}
	return markdown.Table([]string{"Platform", "How", "Layers", "To send", "Image", "Because"}, rows) + "\n"
}

func changesView(t *targetPlan) string {
	var b strings.Builder
	for _, i := range t.images {
		if i.changes == nil || i.changes.Empty() {
			continue
		}
		added, modified, removed := i.changes.Count()
		var rows [][]string
		for _, change := range i.changes.Largest(20) {
			rows = append(rows, []string{string(change.Kind), markdown.Code(change.Path), markdown.Bytes(change.Bytes), change.Why})
		}
		summary := fmt.Sprintf("%s: %d files added, %d changed, %d removed", i.platform, added, modified, removed)
		b.WriteString(markdown.Details(summary, markdown.Table([]string{"", "Path", "Bytes", "Why"}, rows)))
	}
	return b.String()
}

// planJSON is the plan for programs.
func planJSON(p *plan) (string, error) {
	type imageJSON struct {
		Platform    string   `json:"platform"`
		Mode        string   `json:"mode"`
		Reasons     []string `json:"reasons"`
		Digest      string   `json:"digest"`
		BytesTotal  int64    `json:"bytesTotal"`
		BytesToSend int64    `json:"bytesToSend"`
		Reused      int      `json:"layersReused"`
		Mounted     int      `json:"layersMounted"`
		Sent        int      `json:"layersToSend"`
		DeltaFiles  int      `json:"deltaFiles"`
	}
	type targetJSON struct {
		Repository     string      `json:"repository"`
		Tags           []string    `json:"tags"`
		Digest         string      `json:"digest"`
		PreviousDigest string      `json:"previousDigest,omitempty"`
		BytesToSend    int64       `json:"bytesToSend"`
		Seconds        float64     `json:"estimatedSeconds,omitempty"`
		Images         []imageJSON `json:"images"`
	}
	var targets []targetJSON
	for _, t := range p.targets {
		one := targetJSON{
			Repository: t.repository.String(), Tags: t.tags, Digest: t.top.Descriptor().Digest.String(),
			PreviousDigest: digestText(t), BytesToSend: t.sends(), Seconds: t.duration().Seconds(),
		}
		for _, i := range t.images {
			one.Images = append(one.Images, imageJSON{
				Platform: i.platform, Mode: string(i.mode), Reasons: i.reasons, Digest: i.manifest.Descriptor().Digest.String(),
				BytesTotal: i.total(), BytesToSend: i.sends(), Reused: i.count(reused), Mounted: i.count(mounted), Sent: i.count(sent),
				DeltaFiles: i.deltaFiles(),
			})
		}
		targets = append(targets, one)
	}
	text, err := json.Marshal(targets)
	if err != nil {
		return "", fmt.Errorf("write the plan as JSON: %w", err)
	}
	return string(text), nil
}
