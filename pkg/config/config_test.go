package config

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/org/shipkit/pkg/diag"
)

var update = flag.Bool("update", false, "write the golden files")

func getenv(name string) string {
	return map[string]string{"HOST": "shop.example.com", "WEBHOOK": "https://hooks.example.com/T1"}[name]
}

func read(t *testing.T, name string) (*File, error) {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return Read(DefaultPath, content)
}

func TestResolve(t *testing.T) {
	file, err := read(t, "testdata/shop.yml")
	if err != nil {
		t.Fatal(err)
	}
	env, err := file.Environment("production", getenv)
	if err != nil {
		t.Fatal(err)
	}
	if env.Namespace.String() != "xy-0146-production" {
		t.Errorf("namespace %s", env.Namespace)
	}
	want := []Value{
		{Name: "region", Text: "eu-west-1", Layer: "defaults", Place: ".shipkit.yml:4"},
		{Name: "account", Text: "222222222222", Layer: "production", Place: ".shipkit.yml:22"},
		{Name: "cluster", Text: "main", Layer: "production", Place: ".shipkit.yml:23"},
		{Name: "services", Text: "web\nworker", Layer: "staging", Place: ".shipkit.yml:14"},
		{Name: "url", Text: "https://shop.example.com", Layer: "production", Place: ".shipkit.yml:24"},
		{Name: "min-instances", Text: "2", Layer: "production", Place: ".shipkit.yml:25"},
		{Name: "strategy", Text: "canary", Layer: "production", Place: ".shipkit.yml:26"},
		{Name: "promote-from", Text: "staging", Layer: "production", Place: ".shipkit.yml:27"},
		{Name: "retention", Text: "168h", Layer: "defaults", Place: ".shipkit.yml:5"},
		{Name: "notify", Text: "slack-webhook=https://hooks.example.com/T1\nlevel=failure", Layer: "defaults", Place: ".shipkit.yml:7", Secret: true},
	}
	if diff := cmp.Diff(want, env.Values); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
	for _, test := range []struct{ action, input, want string }{
		{"deploy-ecs", "cluster", "main"}, {"deploy-ecs", "aws-region", "eu-west-1"}, {"smoke-test", "expected-account-id", "222222222222"},
		{"deploy-ecs", "min-capacity", "2"}, {"deploy-ecs", "log-lines", "50"}, {"deploy-ecs", "fail-fast-after", "2"},
		{"notify", "slack-webhook", "https://hooks.example.com/T1"}, {"promote-snapshot", "namespace", "xy-0146-production"},
		{"ephemeral-env", "slack-webhook", "https://hooks.example.com/T1"}, {"ephemeral-env", "level", "failure"}, {"ephemeral-env", "dry-run", ""},
		{"notify", "nothing", ""}, {"build-image", "context", ""},
	} {
		if got, _ := env.Input(test.action, test.input); got.Text != test.want {
			t.Errorf("Input(%s, %s) = %q, want %q", test.action, test.input, got.Text, test.want)
		}
	}
}

func TestUnknownEnvironment(t *testing.T) {
	file, err := read(t, "testdata/shop.yml")
	if err != nil {
		t.Fatal(err)
	}
	_, err = file.Environment("prodcution", getenv)
	if err == nil || !strings.Contains(err.Error(), `did you mean "production"? It has dev, production, staging`) {
		t.Errorf("error: %v", err)
	}
}

func TestMissingVariableHasItsPlace(t *testing.T) {
	file, err := read(t, "testdata/shop.yml")
	if err != nil {
		t.Fatal(err)
	}
	_, err = file.Environment("production", func(string) string { return "" })
	list := diag.From(err)
	if len(list) != 2 || list[0].Line != 24 || !strings.Contains(list[0].Summary, "environment variable HOST is not set") {
		t.Errorf("error: %v", err)
	}
}

// Each testdata/bad/*.yml has its findings beside it.
func TestBadFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.yml")
	if err != nil || len(files) == 0 {
		t.Fatal("no files", err)
	}
	for _, name := range files {
		_, err := read(t, name)
		if err == nil {
			t.Errorf("%s is accepted", name)
			continue
		}
		var got strings.Builder
		for _, d := range diag.From(err) {
			got.WriteString(d.Error() + "\n")
		}
		golden := strings.TrimSuffix(name, ".yml") + ".out"
		if *update {
			if err := os.WriteFile(golden, []byte(got.String()), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestTooLarge(t *testing.T) {
	_, err := Read("x.yml", make([]byte, MaxBytes+1))
	if err == nil || !strings.Contains(err.Error(), "at most") {
		t.Errorf("error: %v", err)
	}
}

func TestExpand(t *testing.T) {
	for given, want := range map[string]string{
		"": "", "plain": "plain", "https://${HOST}/": "https://shop.example.com/", "$$HOME": "$HOME", "a$b": "a$b",
		"${": "${", "${}": "${}", "$${HOST}": "${HOST}", "${HOST}${HOST}": "shop.example.comshop.example.com",
	} {
		if got, missing := expand(given, getenv); got != want || missing != nil {
			t.Errorf("expand(%q) = %q, %q; want %q", given, got, missing, want)
		}
	}
}

const schemaFile = "../../schema/shipkit.schema.json"

// The published schema is the one that the settings make.
func TestSchemaIsPublished(t *testing.T) {
	want, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(schemaFile, want, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("run go test ./pkg/config -update (-want +got):\n%s", diff)
	}
}

// What the reader accepts, the schema accepts.
func TestSchemaAgrees(t *testing.T) {
	schema, err := jsonschema.NewCompiler().Compile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile("testdata/shop.yml")
	if err != nil {
		t.Fatal(err)
	}
	var document any
	if err := yaml.Unmarshal(content, &document); err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(document); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{
		"customer: xy", "customer: xy\nproject: p\nenvironments: {dev: {clutser: x}}",
		"customer: xy\nproject: p\nenvironments: {dev: {strategy: yolo}}", "customer: xy\nproject: p\nenvironments: {}",
	} {
		var document any
		if err := yaml.Unmarshal([]byte(bad), &document); err != nil {
			t.Fatal(err)
		}
		var invalid *jsonschema.ValidationError
		if err := schema.Validate(document); !errors.As(err, &invalid) {
			t.Errorf("the schema accepts %q: %v", bad, err)
		}
		if _, err := Read("x", []byte(bad)); err == nil {
			t.Errorf("the reader accepts %q", bad)
		}
	}
}

func FuzzRead(f *testing.F) {
	names, _ := filepath.Glob("testdata/*/*.yml")
	for _, name := range append(names, "testdata/shop.yml") {
		content, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		file, err := Read("x.yml", content)
		if err != nil {
			return
		}
		for _, name := range file.Environments() {
			if env, err := file.Environment(name, getenv); err == nil {
				env.Input("deploy-ecs", "cluster")
			}
		}
	})
}
