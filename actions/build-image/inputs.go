package buildimage

import (
	"encoding/csv"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/org/shipkit/pkg/action"
	"github.com/org/shipkit/pkg/build"
	"github.com/org/shipkit/pkg/diag"
)

// inputs are docker/build-push-action's, then our own.
type inputs struct {
	Context       string            `input:"context"`
	File          string            `input:"file"`
	Image         string            `input:"image"`
	Tags          []string          `input:"tags" sep:","`
	Push          bool              `input:"push"`
	Load          bool              `input:"load"`
	Platforms     []string          `input:"platforms" sep:","`
	Target        string            `input:"target"`
	BuildArgs     []action.KeyValue `input:"build-args"`
	BuildContexts []action.KeyValue `input:"build-contexts"`
	Labels        []action.KeyValue `input:"labels"`
	Annotations   []string          `input:"annotations"`
	Secrets       string            `input:"secrets" secret:"true"`
	SecretEnvs    []action.KeyValue `input:"secret-envs"`
	SecretFiles   []action.KeyValue `input:"secret-files"`
	SSH           []string          `input:"ssh"`
	CacheFrom     []string          `input:"cache-from"`
	CacheTo       []string          `input:"cache-to"`
	NoCache       bool              `input:"no-cache"`
	Pull          bool              `input:"pull"`
	Provenance    string            `input:"provenance"`
	SBOM          string            `input:"sbom"`
	Network       string            `input:"network"`
	ShmSize       string            `input:"shm-size"`
	Ulimit        []string          `input:"ulimit"`
	Outputs       []string          `input:"outputs"`
	Builder       string            `input:"builder"`
	GitHubToken   string            `input:"github-token" secret:"true"`

	Driver               string        `input:"driver" oneof:"auto,buildx,docker"`
	Source               string        `input:"source"`
	LayerDiff            string        `input:"layer-diff" oneof:"auto,always,off"`
	PreviousImage        string        `input:"previous-image"`
	PreviousService      string        `input:"previous-service"`
	MTime                string        `input:"mtime" oneof:"ignore,exact"`
	Compact              string        `input:"compact" oneof:"auto,always,never"`
	MaxLayers            int           `input:"max-layers" min:"2" max:"120"`
	MaxDeadShare         int           `input:"max-dead-share" min:"1" max:"100"`
	Compression          string        `input:"compression" oneof:"auto,gzip,zstd"`
	CompressionLevel     int           `input:"compression-level" min:"0" max:"22"`
	ResumeDir            string        `input:"resume-dir"`
	MaxConcurrentUploads int           `input:"max-concurrent-uploads" min:"1" max:"32"`
	BandwidthLimit       action.Rate   `input:"bandwidth-limit" min:"8kbit"`
	MaxUpload            action.Bytes  `input:"max-upload"`
	MaxBlobSize          action.Bytes  `input:"max-blob-size" min:"64KiB"`
	RegistryProfile      string        `input:"registry-profile" oneof:"ecr,ghcr,acr,gar,distribution,dockerhub,generic"`
	Patience             time.Duration `input:"patience" min:"1s" max:"24h"`
	Force                bool          `input:"force"`
	Environment          string        `input:"environment"`
	Config               string        `input:"config"`
	DryRun               bool          `input:"dry-run"`
}

// job is what the inputs ask for.
type job struct {
	inputs
	// source is what to push instead of a build; nil for a build.
	source *build.Source
	// request is what to build.
	request  build.Request
	targets  []target
	previous name.Reference
	// service runs the image to compare with; nil for none.
	service *service
	// keep is the folder for what outlives the run.
	keep string
}

// target is a repository with the tags to move in it.
type target struct {
	repository name.Repository
	tags       []string
}

// job checks the inputs against each other and returns what they ask for.
func (in inputs) job(rt *action.Runtime) (*job, error) {
	var problems diag.List
	if in.Push && len(in.Tags) == 0 {
		problems.Errorf("name what to push under, such as `tags: 123456789012.dkr.ecr.eu-west-1.amazonaws.com/app:v1`",
			"input push is true, but tags is empty")
	}
	in.Tags = in.named(&problems)
	j := &job{inputs: in, keep: in.ResumeDir}
	if j.keep == "" {
		j.keep = filepath.Join(cacheHome(rt.Getenv), "shipkit")
	}
	j.targets = targets(in.Tags, &problems)
	if in.Source != "" {
		source, err := build.ParseSource(in.Source)
		if err != nil {
			problems.Errorf("write docker:app:latest, or oci-archive:image.tar", "input source: %v", err)
		}
		j.source = &source
	}
	if in.PreviousImage != "" {
		ref, err := name.ParseReference(in.PreviousImage)
		if err != nil {
			problems.Errorf("write repository:tag or repository@sha256:…", "input previous-image: %v", err)
		}
		j.previous = ref
	}
	if in.PreviousService != "" {
		service, err := parseService(in.PreviousService)
		if err != nil {
			problems.Errorf("write cluster/service, such as `shop/web`", "input previous-service: %v", err)
		}
		j.service = &service
	}
	if in.Compression != "zstd" && in.CompressionLevel > 9 {
		problems.Errorf("take 1 to 9, or set `compression: zstd`", "input compression-level is %d, gzip knows 1 to 9", in.CompressionLevel)
	}
	if in.LayerDiff == "always" && in.attests() {
		problems.Errorf("leave provenance and sbom out, or set `layer-diff: auto`",
			"input layer-diff is always, but an image with attestations is pushed as it was built")
	}
	j.request = in.request(rt, &problems)
	return j, action.BadInput(problems.Err())
}

// named puts the repository before tags that are given alone, such as :latest.
func (in inputs) named(problems *diag.List) []string {
	tags := slices.Clone(in.Tags)
	for i, tag := range tags {
		if !strings.HasPrefix(tag, ":") {
			continue
		}
		tags[i] = in.Image + tag
		if in.Image == "" {
			problems.Errorf("give image, or set it in the settings file", "input tags: %q is a tag alone, and input image is empty", tag)
			return nil
		}
	}
	return tags
}

// attests tells whether the builder adds attestations.
func (in inputs) attests() bool {
	on := func(s string) bool { return s != "" && s != "false" }
	return on(in.Provenance) || on(in.SBOM)
}

// tagForm is what a tag looks like. OCI distribution spec, "pulling manifests".
const tagForm = "write registry/repository:tag; a tag is of letters, digits, _ . and -, so branch feature/x becomes feature-x"

// targets groups tags by repository, in their order.
func targets(tags []string, problems *diag.List) []target {
	var found []target
	for _, text := range tags {
		tag, err := name.NewTag(text)
		if err != nil {
			problems.Errorf(tagForm, "input tags: %v", err)
			continue
		}
		if strings.ContainsAny(tag.TagStr()[:1], ".-") {
			problems.Errorf(tagForm, "input tags: %q begins with %q", text, tag.TagStr()[:1])
			continue
		}
		i := slices.IndexFunc(found, func(t target) bool { return t.repository == tag.Context() })
		if i < 0 {
			found = append(found, target{repository: tag.Context()})
			i = len(found) - 1
		}
		if !slices.Contains(found[i].tags, tag.TagStr()) {
			found[i].tags = append(found[i].tags, tag.TagStr())
		}
	}
	return found
}

func (in inputs) request(rt *action.Runtime, problems *diag.List) build.Request {
	r := build.Request{
		Context: in.Context, File: in.File, Target: in.Target, Platforms: in.Platforms,
		Args: pairs(in.BuildArgs), Contexts: pairs(in.BuildContexts), Labels: pairs(in.Labels), Annotations: in.Annotations,
		Secrets: secrets(in.Secrets, problems), SecretEnvs: pairs(in.SecretEnvs), SecretFiles: pairs(in.SecretFiles), SSH: in.SSH,
		CacheFrom: in.CacheFrom, CacheTo: in.CacheTo, NoCache: in.NoCache, Pull: in.Pull,
		Provenance: in.Provenance, SBOM: in.SBOM, Network: in.Network, ShmSize: in.ShmSize, Ulimits: in.Ulimit,
		Outputs: in.Outputs, Builder: in.Builder, Load: in.Load, Tags: in.Tags,
	}
	if len(r.CacheFrom) == 0 && len(in.Tags) > 0 && in.Driver != "docker" && !in.NoCache {
		r.RegistryCache = "type=registry,ref=" + in.Tags[0]
	}
	for _, secret := range r.Secrets {
		rt.Mask(secret.Value)
	}
	version := buildVersion(rt.GitHub())
	r.Args = setDefault(r.Args, "BUILD_VERSION", version)
	for _, label := range commitLabels(rt.GitHub(), version) {
		r.Labels = setDefault(r.Labels, label.Key, label.Value)
	}
	return r
}

func pairs(values []action.KeyValue) []build.KeyValue {
	out := make([]build.KeyValue, len(values))
	for i, v := range values {
		out[i] = build.KeyValue(v)
	}
	return out
}

// setDefault adds a pair unless its key is there or the value is unknown.
func setDefault(values []build.KeyValue, key, value string) []build.KeyValue {
	if value == "" || slices.ContainsFunc(values, func(v build.KeyValue) bool { return v.Key == key }) {
		return values
	}
	return append(values, build.KeyValue{Key: key, Value: value})
}

// secrets reads docker/build-push-action's list: one id=value a line, where a
// value of several lines stands in double quotes as a whole.
func secrets(text string, problems *diag.List) []build.KeyValue {
	reader := csv.NewReader(strings.NewReader(text))
	reader.Comma, reader.LazyQuotes, reader.FieldsPerRecord = '\x1f', true, -1
	records, err := reader.ReadAll()
	if err != nil {
		problems.Errorf("close every double quote", "input secrets cannot be read")
		return nil
	}
	var found []build.KeyValue
	for n, record := range records {
		key, value, ok := strings.Cut(strings.TrimSpace(record[0]), "=")
		if !ok || key == "" {
			problems.Errorf("write id=value", "input secrets, entry %d, is no id=value", n+1)
			continue
		}
		found = append(found, build.KeyValue{Key: key, Value: value})
	}
	return found
}

// cacheHome returns the user's cache folder. XDG base directory specification.
func cacheHome(getenv func(string) string) string {
	if dir := getenv("XDG_CACHE_HOME"); dir != "" {
		return dir
	}
	return filepath.Join(getenv("HOME"), ".cache")
}
