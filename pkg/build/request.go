package build

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// KeyValue is an ordered pair.
type KeyValue struct{ Key, Value string }

// Request is one build. The fields have the names and meanings of
// docker/build-push-action.
type Request struct {
	Context   string
	File      string
	Target    string
	Platforms []string
	Args      []KeyValue
	Contexts  []KeyValue
	Labels    []KeyValue
	// Annotations are "[type[platform]:]key=value" as buildx takes them.
	Annotations []string
	// Secrets are values that the build mounts; they are handed over as files
	// that only the owner can read.
	Secrets []KeyValue
	// SecretEnvs name environment variables, SecretFiles files.
	SecretEnvs, SecretFiles []KeyValue
	SSH                     []string
	CacheFrom, CacheTo      []string
	// RegistryCache is a further cache source, for buildx alone: a builder
	// that does not find it goes on without.
	RegistryCache string
	NoCache, Pull bool
	// Provenance and SBOM are what --provenance and --sbom take; "" means off.
	Provenance, SBOM string
	Network          string
	ShmSize          string
	Ulimits          []string
	// Outputs are further outputs, as --output takes them.
	Outputs []string
	// Builder names a buildx builder; "" means the selected one.
	Builder string
	// Load puts the image into the local engine, under Tags.
	Load bool
	Tags []string
}

// common returns the arguments that `docker build` and buildx share.
func (r Request) common(secrets []string) []string {
	var args []string
	flag := func(name string, values ...string) {
		for _, value := range values {
			if value != "" {
				args = append(args, "--"+name, value)
			}
		}
	}
	flag("file", r.File)
	flag("target", r.Target)
	flag("build-arg", pairs(r.Args)...)
	flag("label", pairs(r.Labels)...)
	flag("secret", secrets...)
	flag("ssh", r.SSH...)
	flag("cache-from", r.CacheFrom...)
	flag("network", r.Network)
	flag("shm-size", r.ShmSize)
	flag("ulimit", r.Ulimits...)
	if r.NoCache {
		args = append(args, "--no-cache")
	}
	if r.Pull {
		args = append(args, "--pull")
	}
	return append(args, "--progress", "plain")
}

// buildx returns the arguments of the run whose image is pushed.
func (r Request) buildx(layout, metadata string) []string {
	// New layers stay uncompressed: they are compressed once, when it is known
	// which part of them must be sent. Layers of the base image keep their
	// bytes, and with them their digests. Attestations name an image by its
	// digest, so that nothing may be compressed later.
	compression := "uncompressed"
	if r.attests() {
		// A layer that lies uncompressed in the builder's cache stays so unless forced.
		compression = "gzip,force-compression=true"
	}
	return append(r.options(), "--metadata-file", metadata, "--output", "type=oci,tar=false,compression="+compression+","+field("dest", layout))
}

// options returns the arguments that only buildx knows.
func (r Request) options() []string {
	var args []string
	flag := func(name string, values ...string) {
		for _, value := range values {
			args = append(args, "--"+name, value)
		}
	}
	if r.Builder != "" {
		flag("builder", r.Builder)
	}
	if len(r.Platforms) > 0 {
		flag("platform", strings.Join(r.Platforms, ","))
	}
	if r.RegistryCache != "" {
		flag("cache-from", r.RegistryCache)
	}
	flag("build-context", pairs(r.Contexts)...)
	flag("annotation", r.Annotations...)
	flag("cache-to", r.CacheTo...)
	flag("provenance", orFalse(r.Provenance))
	flag("sbom", orFalse(r.SBOM))
	return args
}

// attests tells whether the builder adds attestations.
func (r Request) attests() bool {
	return orFalse(r.Provenance) != "false" || orFalse(r.SBOM) != "false"
}

func orFalse(s string) string {
	if s == "" {
		return "false"
	}
	return s
}

func pairs(values []KeyValue) []string {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = v.Key + "=" + v.Value
	}
	return texts
}

// field returns a pair for the lists that buildx reads as CSV: a value with a
// comma stands in quotes, with its key.
func field(key, value string) string {
	pair := key + "=" + value
	if strings.ContainsAny(pair, ",\"\n") {
		return `"` + strings.ReplaceAll(pair, `"`, `""`) + `"`
	}
	return pair
}

// writeSecrets returns what --secret takes; the values lie in files below dir.
func (r Request) writeSecrets(dir string) ([]string, error) {
	var flags []string
	for i, secret := range r.Secrets {
		file := filepath.Join(dir, fmt.Sprintf("secret-%d", i))
		if err := os.WriteFile(file, []byte(secret.Value), 0o600); err != nil {
			return nil, fmt.Errorf("hand over secret %s: %w", secret.Key, err)
		}
		flags = append(flags, field("id", secret.Key)+","+field("src", file))
	}
	for _, secret := range r.SecretEnvs {
		flags = append(flags, field("id", secret.Key)+","+field("env", secret.Value))
	}
	for _, secret := range r.SecretFiles {
		flags = append(flags, field("id", secret.Key)+","+field("src", secret.Value))
	}
	return flags, nil
}

// ignored lists what `docker build` of an engine before 23 passes over in
// silence, by input. https://github.com/moby/moby/issues/41997
func (r Request) ignored() []string {
	var names []string
	if r.ShmSize != "" {
		names = append(names, "shm-size")
	}
	if len(r.Ulimits) > 0 {
		names = append(names, "ulimit")
	}
	return names
}

// unsupported lists what plain `docker build` cannot do, by input.
func (r Request) unsupported() []string {
	var names []string
	add := func(name string, given bool) {
		if given {
			names = append(names, name)
		}
	}
	add("platforms", len(r.Platforms) > 1)
	add("build-contexts", len(r.Contexts) > 0)
	add("annotations", len(r.Annotations) > 0)
	add("cache-to", len(r.CacheTo) > 0)
	add("provenance", orFalse(r.Provenance) != "false")
	add("sbom", orFalse(r.SBOM) != "false")
	add("outputs", len(r.Outputs) > 0)
	return names
}
