package checkfile_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/org/shipkit/pkg/diag"
	"github.com/org/shipkit/pkg/smoke/checkfile"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

const schemaFile = "../../../schema/smoke-checks.schema.json"

// Each file has one unknown key "zzz" in one kind of mapping: what the reader
// says is allowed there must be what the schema says.
func TestSchemaKnowsTheSameKeys(t *testing.T) {
	root := readSchema(t)
	for definition, file := range map[string]string{
		"":            "zzz: 1\nchecks: [{name: a, url: 'http://h'}]",
		"defaults":    "defaults: {zzz: 1}\nchecks: [{name: a, url: 'http://h'}]",
		"check":       "checks: [{name: a, url: 'http://h', zzz: 1}]",
		"step":        "checks: [{name: a, steps: [{url: 'http://h', zzz: 1}]}]",
		"options":     "checks: [{name: a, url: 'http://h', options: {zzz: 1}}]",
		"basic-auth":  "checks: [{name: a, url: 'http://h', basic-auth: {user: a, password: b, zzz: 1}}]",
		"assertion":   "checks: [{name: a, url: 'http://h', asserts: [{zzz: 1, jq: .a}]}]",
		"capture":     "checks: [{name: a, url: 'http://h', captures: {b: {zzz: 1}}}]",
		"compare":     "checks: [{name: a, compare: {stable: 'http://h', canary: 'http://i', zzz: 1}}]",
		"file-part":   "checks: [{name: a, url: 'http://h', multipart: {b: {file: schema_test.go, zzz: 1}}}]",
		"dns":         "checks: [{name: a, dns: {name: h, zzz: 1}}]",
		"grpc":        "checks: [{name: a, grpc: {url: 'http://h', zzz: 1}}]",
		"stable":      "checks: [{name: a, url: 'http://h', stable: {zzz: 1}}]",
		"version":     "checks: [{name: a, url: 'http://h', version: {expect: a, jq: .a, zzz: 1}}]",
		"load":        "checks: [{name: a, url: 'http://h', load: {rate: 1, zzz: 1}}]",
		"header":      "checks: [{name: a, url: 'http://h', asserts: [{header: {name: a, zzz: 1}}]}]",
		"cookie":      "checks: [{name: a, url: 'http://h', asserts: [{cookie: {name: a, zzz: 1}}]}]",
		"body":        "checks: [{name: a, url: 'http://h', asserts: [{body: {equals: a, zzz: 1}}]}]",
		"size":        "checks: [{name: a, url: 'http://h', asserts: [{size: {max: 1, zzz: 1}}]}]",
		"redirects":   "checks: [{name: a, url: 'http://h', asserts: [{redirects: {count: 1, zzz: 1}}]}]",
		"latency":     "checks: [{name: a, url: 'http://h', asserts: [{latency: {p50: 1s, zzz: 1}}]}]",
		"certificate": "checks: [{name: a, url: 'http://h', asserts: [{certificate: {zzz: 1}}]}]",
	} {
		t.Run(definition, func(t *testing.T) {
			if diff := cmp.Diff(schemaKeys(t, root, definition), readerKeys(t, file)); diff != "" {
				t.Errorf("keys of the schema (-) and of the reader (+):\n%s", diff)
			}
			if err := validate(t, []byte(file)); err == nil {
				t.Error("the schema takes the unknown key")
			}
		})
	}
}

func TestSchemaTakesWhatTheReaderTakes(t *testing.T) {
	files, err := filepath.Glob("testdata/good/*.yml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no good files: %v", err)
	}
	files = append(files, "../../../testdata/smoke/shop.yml")
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := validate(t, data); err != nil {
			t.Errorf("%s: %v", file, err)
		}
		if _, err := checkfile.Read(data, options(file)); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}

func options(file string) checkfile.Options {
	return checkfile.Options{
		File: filepath.Base(file), Timeout: 1, Concurrency: 1,
		Env: func(name string) (string, bool) {
			if strings.HasSuffix(name, "_URL") {
				return "https://example.org", true
			}
			return "value-of-" + name, !strings.HasPrefix(name, "UNSET")
		},
	}
}

func readerKeys(t *testing.T, file string) []string {
	t.Helper()
	_, err := checkfile.Read([]byte(file), options("keys.yml"))
	var problems diag.List
	if !errors.As(err, &problems) {
		t.Fatalf("read: %v", err)
	}
	for _, p := range problems {
		if allowed, ok := strings.CutPrefix(p.Try, "allowed here: "); ok && strings.Contains(p.Summary, `"zzz"`) {
			return strings.Split(allowed, ", ")
		}
	}
	t.Fatalf("zzz is not reported: %v", problems)
	return nil
}

// schemaKeys returns the properties of a definition, or of a subject of an
// assertion.
func schemaKeys(t *testing.T, root map[string]any, definition string) []string {
	t.Helper()
	node := root
	if definition != "" {
		definitions := root["$defs"].(map[string]any)
		found, ok := definitions[definition].(map[string]any)
		if !ok {
			subjects := definitions["assertion"].(map[string]any)["properties"].(map[string]any)
			found = subjects[definition].(map[string]any)
		}
		node = found
	}
	var keys []string
	for key := range node["properties"].(map[string]any) {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

func readSchema(t *testing.T) map[string]any {
	t.Helper()
	data, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	var root map[string]any
	if err := json.Unmarshal(data, &root); err != nil {
		t.Fatal(err)
	}
	return root
}

func validate(t *testing.T, data []byte) error {
	t.Helper()
	schema, err := jsonschema.NewCompiler().Compile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	var value any
	if err := yaml.Unmarshal(data, &value); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	instance, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	return schema.Validate(instance)
}
