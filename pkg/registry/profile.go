package registry

import (
	"regexp"
	"strings"
)

const (
	kib = 1 << 10
	mib = 1 << 20
)

// Profile is how one kind of registry wants its uploads.
type Profile struct {
	// Name is for people: "ECR", "GHCR".
	Name string
	// MinChunk and MaxChunk bound the size in bytes of a piece that is not the
	// last. The size halves when a drop loses a piece and doubles when pieces
	// arrive, so that a bad line settles on what gets through.
	MinChunk, MaxChunk int64
	// ExactRange tells that the Range of a status answer is the truth. When
	// false, the bytes of the pieces that were acknowledged are counted.
	ExactRange bool
	// Whole tells that a blob goes up in one request: pieces are refused.
	Whole bool
	// PlainPUT tells that the closing request must not carry Content-Range.
	PlainPUT bool
	// MaxBlob is the largest blob in bytes that the registry takes; 0 means
	// unknown.
	MaxBlob int64
	// MaxManifest is the largest manifest in bytes; 0 means unknown.
	MaxManifest int64
	// Mounts tells that a layer of another repository is mounted whenever that
	// is asked for; others may want it sent.
	Mounts bool
	// CutAt is, for a registry that cannot resume an upload, the size in bytes
	// that is worth sending again; 0 means that uploads resume.
	CutAt int64
}

// The profiles. Sources: the registries' own documentation and trackers, as
// cited.
var (
	// ECR: parts of 5 to 10 MiB and 4,200 parts,
	// https://docs.aws.amazon.com/AmazonECR/latest/userguide/service-quotas.html;
	// the Range of its answers sticks at the first piece,
	// https://github.com/aws/containers-roadmap/issues/2831; it mounts for
	// accounts that turned BLOB_MOUNTING on.
	ECR = Profile{Name: "ECR", MinChunk: 5 * mib, MaxChunk: 10 * mib,
		MaxBlob: 52_000 * mib, MaxManifest: 4 * mib}
	// GHCR: a PATCH holds at most 4 MiB, a layer at most 10 GB, a PUT has no
	// Content-Range.
	GHCR = Profile{Name: "GHCR", MinChunk: 512 * kib, MaxChunk: 4 * mib, ExactRange: true, PlainPUT: true, Mounts: true,
		MaxBlob: 10_000_000_000, MaxManifest: 4 * mib}
	// ACR: pieces of 4 MB as Azure's own clients send them,
	// https://github.com/Azure/azure-sdk-for-net/pull/32059; more than about
	// 20 MB in one request is refused, https://github.com/goharbor/harbor/pull/23016;
	// after a drop an upload begins anew,
	// https://github.com/Azure/azure-sdk-for-net/issues/35322; layers of 200 GiB,
	// https://learn.microsoft.com/azure/container-registry/container-registry-skus.
	// Where to cut is our choice: what a drop costs at most.
	ACR = Profile{Name: "ACR", MinChunk: 256 * kib, MaxChunk: 4 * mib, ExactRange: true,
		MaxBlob: 200 << 30, MaxManifest: 4 * mib, CutAt: 16 * mib}
	// GAR: Google's Artifact Registry takes a blob in one request only,
	// https://github.com/jozu-ai/kitops/pull/777; so a drop costs all of it.
	GAR = Profile{Name: "Artifact Registry", Whole: true, CutAt: 16 * mib}
	// Distribution: the reference implementation; it keeps a piece that was
	// cut off and its status is exact to the byte.
	Distribution = Profile{Name: "distribution", MinChunk: 256 * kib, MaxChunk: 16 * mib,
		ExactRange: true, Mounts: true, MaxManifest: 4 * mib}
	// DockerHub runs distribution behind a storage front.
	DockerHub = Profile{Name: "Docker Hub", MinChunk: 5 * mib, MaxChunk: 10 * mib,
		ExactRange: true, Mounts: true, MaxManifest: 4 * mib}
	// Generic suits a registry that nothing is known of.
	Generic = Profile{Name: "registry", MinChunk: 256 * kib, MaxChunk: 8 * mib, ExactRange: true,
		MaxManifest: 4 * mib}
)

// Profiles are the profiles by the name that a user gives.
var Profiles = map[string]Profile{
	"ecr": ECR, "ghcr": GHCR, "acr": ACR, "gar": GAR, "distribution": Distribution, "dockerhub": DockerHub, "generic": Generic,
}

// ecrHost is the host of a private registry: account, FIPS or not, region.
// https://docs.aws.amazon.com/general/latest/gr/ecr.html
var ecrHost = regexp.MustCompile(`^(\d{12})\.dkr[.-]ecr(-fips)?\.([a-z0-9-]+)\.(amazonaws\.com(\.cn)?|on\.aws)$`)

// profileOf returns the profile of the registry at host.
func profileOf(host string) Profile {
	switch {
	case ecrHost.MatchString(host) || host == "public.ecr.aws":
		return ECR
	case host == "ghcr.io":
		return GHCR
	case strings.HasSuffix(host, ".azurecr.io"):
		return ACR
	case strings.HasSuffix(host, ".pkg.dev") || host == "gcr.io" || strings.HasSuffix(host, ".gcr.io"):
		return GAR
	case host == "index.docker.io" || strings.HasSuffix(host, ".docker.io"):
		return DockerHub
	case strings.HasPrefix(host, "localhost") || strings.HasPrefix(host, "127.0.0.1"):
		return Distribution
	default:
		return Generic
	}
}
