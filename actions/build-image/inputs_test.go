package buildimage

import (
	"reflect"
	"slices"
	"testing"

	"github.com/org/shipkit/pkg/action"
	"github.com/org/shipkit/pkg/build"
	"github.com/org/shipkit/pkg/diag"
)

func TestSecrets(t *testing.T) {
	tests := []struct {
		text string
		want []build.KeyValue
		bad  bool
	}{
		{"", nil, false},
		{"token=a=b", []build.KeyValue{{Key: "token", Value: "a=b"}}, false},
		{"a=1\nb=2\n", []build.KeyValue{{Key: "a", Value: "1"}, {Key: "b", Value: "2"}}, false},
		{"\"key=line 1\nline 2\"\na=1", []build.KeyValue{{Key: "key", Value: "line 1\nline 2"}, {Key: "a", Value: "1"}}, false},
		{`json={"a": "b"}`, []build.KeyValue{{Key: "json", Value: `{"a": "b"}`}}, false},
		{"no pair", nil, true},
	}
	for _, test := range tests {
		var problems diag.List
		got := secrets(test.text, &problems)
		if !reflect.DeepEqual(got, test.want) || problems.HasErrors() != test.bad {
			t.Errorf("secrets(%q) = %q, %v; want %q", test.text, got, problems.Err(), test.want)
		}
	}
}

func FuzzSecrets(f *testing.F) {
	f.Add("a=1\n\"b=x\ny\"")
	f.Fuzz(func(t *testing.T, text string) {
		var problems diag.List
		for _, secret := range secrets(text, &problems) {
			if secret.Key == "" {
				t.Errorf("a secret without a name in %q", text)
			}
		}
	})
}

func TestTargetsAreGrouped(t *testing.T) {
	var problems diag.List
	got := targets([]string{"ghcr.io/a/b:v1", "quay.io/c/d:v1", "ghcr.io/a/b:v2", "ghcr.io/a/b:v1"}, &problems)
	if len(got) != 2 || !slices.Equal(got[0].tags, []string{"v1", "v2"}) || got[1].repository.String() != "quay.io/c/d" || problems.HasErrors() {
		t.Errorf("targets %v, %v", got, problems)
	}
}

func TestTagsAlone(t *testing.T) {
	var problems diag.List
	in := inputs{Image: "ghcr.io/a/b", Tags: []string{":v1", "quay.io/c/d:v1", ":latest"}}
	if got := in.named(&problems); !slices.Equal(got, []string{"ghcr.io/a/b:v1", "quay.io/c/d:v1", "ghcr.io/a/b:latest"}) || problems.HasErrors() {
		t.Errorf("tags %v, %v", got, problems)
	}
	in.Image = ""
	if in.named(&problems); !problems.HasErrors() {
		t.Error("a tag alone is taken without a repository")
	}
}

func TestCommitLabels(t *testing.T) {
	gh := action.GitHub{
		Repository: "acme/shop", SHA: "0123456789abcdef0123", ServerURL: "https://github.com", Ref: "refs/tags/v1.2.3", RefName: "v1.2.3",
		Event: map[string]any{"head_commit": map[string]any{"timestamp": "2026-01-01T12:00:00Z"}},
	}
	labels := map[string]string{}
	for _, label := range commitLabels(gh, buildVersion(gh)) {
		labels[label.Key] = label.Value
	}
	want := map[string]string{
		labelVersion: "v1.2.3", labelRevision: gh.SHA, labelSource: "https://github.com/acme/shop", labelCreated: "2026-01-01T12:00:00Z",
	}
	if !reflect.DeepEqual(labels, want) {
		t.Errorf("labels %v, want %v", labels, want)
	}
	gh.Ref, gh.RefName = "refs/heads/main", "main"
	if got := buildVersion(gh); got != "0123456789ab" {
		t.Errorf("version %s of a branch", got)
	}
}

func TestSetDefaultKeepsWhatIsGiven(t *testing.T) {
	given := []build.KeyValue{{Key: "a", Value: "mine"}}
	if got := setDefault(given, "a", "other"); !slices.Equal(got, given) {
		t.Errorf("got %v", got)
	}
	if got := setDefault(given, "b", ""); !slices.Equal(got, given) {
		t.Errorf("got %v for an unknown value", got)
	}
}

func TestParseService(t *testing.T) {
	for text, want := range map[string]service{"shop/web": {"shop", "web"}, "web": {}, "/web": {}, "shop/": {}, "a/b/c": {}} {
		if got, err := parseService(text); got != want || (err != nil) != (want == service{}) {
			t.Errorf("parseService(%q) = %v, %v; want %v", text, got, err, want)
		}
	}
}
