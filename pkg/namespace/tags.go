package namespace

import "strings"

// The tags that everything carries which shipkit creates. Nothing is deleted
// that does not bear them.
const (
	TagNamespace  = "shipkit:namespace"
	TagTimestamp  = "shipkit:timestamp"
	TagOperation  = "shipkit:operation"
	TagRepository = "shipkit:repository"
	TagRunURL     = "shipkit:run-url"
)

// Origin says who makes a resource.
type Origin struct {
	// Operation is the action and its subject, such as "promote-snapshot".
	Operation string
	// Repository is owner/name.
	Repository string
	// RunURL is the address of the workflow run, "" outside of one.
	RunURL string
}

// Tags returns the tags of a resource of database or environment version ts,
// which may be "". Values are cut to AWS's 256 characters and to the characters
// that all services take
// (https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html).
func (n Namespace) Tags(ts Timestamp, o Origin) map[string]string {
	tags := map[string]string{TagNamespace: n.String()}
	for key, value := range map[string]string{
		TagTimestamp:  string(ts),
		TagOperation:  o.Operation,
		TagRepository: o.Repository,
		TagRunURL:     o.RunURL,
	} {
		if value != "" {
			tags[key] = TagValue(value)
		}
	}
	return tags
}

// TagValue returns s as a tag may hold it: at most 256 characters, others than
// all services take replaced by an underscore.
func TagValue(s string) string {
	clean := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune(" _.:/=+-@", r):
			return r
		default:
			return '_'
		}
	}, s)
	if len(clean) > 256 {
		clean = clean[:256]
	}
	return clean
}

// Owns tells whether a resource with these tags belongs to the namespace and
// to the repository. An empty repository matches any.
func (n Namespace) Owns(tags map[string]string, repository string) bool {
	if tags[TagNamespace] != n.String() {
		return false
	}
	return repository == "" || tags[TagRepository] == TagValue(repository)
}
