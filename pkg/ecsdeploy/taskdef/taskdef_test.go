package taskdef_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/org/shipkit/pkg/diag"
	"github.com/org/shipkit/pkg/ecsdeploy/taskdef"
)

func mustParse(t testing.TB, text string, keep ...string) *taskdef.Document {
	t.Helper()
	d, err := taskdef.Parse("task.json", []byte(text), keep...)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func body(t *testing.T, d *taskdef.Document) string {
	t.Helper()
	b, err := d.JSON()
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// Both shapes, in JSON and YAML, in the spelling of templates, with and
// without response-only members, give the same document.
func TestParseShapes(t *testing.T) {
	files, err := filepath.Glob("testdata/shapes/*")
	if err != nil || len(files) < 4 {
		t.Fatalf("want the files of testdata/shapes, got %v, %v", files, err)
	}
	want, err := os.ReadFile("testdata/shapes.want.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			d, err := taskdef.Parse(file, data)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(indented(t, string(want)), indented(t, body(t, d))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func indented(t *testing.T, text string) string {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	out, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestParseKeepsAndDrops(t *testing.T) {
	const head = `{"family":"web","containerDefinitions":[{"name":"web","image":"web:1"`
	for _, tt := range []struct{ name, in, keep, want string }{
		{"empty command and variable stay", head + `,"command":[],"environment":[{"name":"A","value":""}]}]}`, "",
			`{"containerDefinitions":[{"command":[],"environment":[{"name":"A","value":""}],"image":"web:1","name":"web"}],"family":"web"}`},
		{"null and empty structures go", head + `,"logConfiguration":{},"user":null}],"cpu":"","pidMode":""}`, "",
			`{"containerDefinitions":[{"image":"web:1","name":"web"}],"family":"web"}`},
		{"named ones stay", head + `}],"placementConstraints":[],"volumes":[]}`, "placementConstraints",
			`{"containerDefinitions":[{"image":"web:1","name":"web"}],"family":"web","placementConstraints":[]}`},
		{"numbers become text where text is wanted", head + `,"environment":[{"name":"PORT","value":8080}],"memory":"512"}],"cpu":256}`, "",
			`{"containerDefinitions":[{"environment":[{"name":"PORT","value":"8080"}],"image":"web:1","memory":512,"name":"web"}],"cpu":"256","family":"web"}`},
		{"unknown members pass through", head + `,"newThing":{"a":[1.50]}}],"future":"x"}`, "",
			`{"containerDefinitions":[{"image":"web:1","name":"web","newThing":{"a":[1.50]}}],"family":"web","future":"x"}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var keep []string
			if tt.keep != "" {
				keep = []string{tt.keep}
			}
			if diff := cmp.Diff(tt.want, body(t, mustParse(t, tt.in, keep...))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestUnknownMembersAreNamed(t *testing.T) {
	d := mustParse(t, `{"containerDefinitions":[{"name":"a","image":"b","newThing":1}],"future":2}`)
	if diff := cmp.Diff([]string{"containerDefinitions[0].newThing", "future"}, d.Unknown); diff != "" {
		t.Error(diff)
	}
}

// YAML knows more kinds of values than JSON; what looks like a date is text.
func TestYAMLKeepsTextAsItIsWritten(t *testing.T) {
	d := mustParse(t, "family: web\ncontainerDefinitions:\n  - name: web\n    environment: [{name: SINCE, value: 2026-01-01}]\n"+
		"    dockerLabels: {1: one, on: yes}\n")
	body, err := d.JSON()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"value":"2026-01-01"`, `"1":"one"`, `"on":"yes"`} {
		if !strings.Contains(strings.Join(strings.Fields(string(body)), ""), want) {
			t.Errorf("%s is missing in %s", want, body)
		}
	}
}

func TestParseErrors(t *testing.T) {
	for _, tt := range []struct {
		name, in, want string
		line, column   int
	}{
		{"cut JSON", "{\n  \"family\": \"web\",\n", "not valid JSON", 2, 19},
		{"JSON comma", "{\n  \"family\": \"web\",,\n}", "not valid JSON", 2, 19},
		{"two JSON objects", "{\"containerDefinitions\":[]}\n{}", "text after the end", 1, 28},
		{"YAML indent", "family: web\n  cpu: 1\n bad: [", "not valid YAML", 2, 3},
		{"unclosed YAML list", "family: web\ncontainerDefinitions: [\n\n", "not valid YAML", 2, 1},
		{"YAML tab", "family: web\n\tcpu: 1\n", "not valid YAML", 2, 1},
		{"YAML with a member twice", "family: web\ncpu: 1\n  \nfamily: api\n", "already defined at line 1", 4, 1},
		{"list", "- a\n- b\n", "not valid YAML", 1, 1},
		{"no containers", `{"family":"web"}`, "containerDefinitions is missing", 0, 0},
		{"wrong types", `{"containerDefinitions":[{"name":"a","memory":"lots","environment":{"A":"s3cret"}}]}`,
			"containerDefinitions[0].memory is text, ECS wants a number", 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := taskdef.Parse("task.json", []byte(tt.in))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got %v, want %q", err, tt.want)
			}
			if strings.Contains(err.Error(), "s3cret") {
				t.Errorf("the error shows a value: %v", err)
			}
			if tt.line > 0 {
				d := diag.From(err)[0]
				if d.Line != tt.line || d.Column != tt.column || d.File != "task.json" {
					t.Errorf("place %s, want line %d column %d", d.Place(), tt.line, tt.column)
				}
			}
		})
	}
}

func TestApply(t *testing.T) {
	d := mustParse(t, `{"containerDefinitions":[
		{"name":"web","image":"web:1","environment":[{"name":"A","value":"1"},{"name":"B","value":"2"}],
		 "logConfiguration":{"logDriver":"awslogs","options":{"awslogs-group":"old"}}},
		{"name":"proxy","image":"proxy:1"}]}`)
	got, err := d.Apply(taskdef.Overrides{
		Containers:  []string{"web"},
		Images:      []taskdef.Pair{{Name: "web", Value: "web:2"}, {Name: "proxy", Value: "proxy:2"}},
		Environment: []taskdef.Pair{{Name: "B", Value: ""}, {Name: "C", Value: "a=b"}},
		Secrets:     []taskdef.Pair{{Name: "S", Value: "arn:s"}},
		EnvFiles:    []string{"arn:aws:s3:::bucket/a.env"},
		Command:     []string{"run", "it"},
		LogOptions:  []taskdef.Pair{{Name: "awslogs-group", Value: "new"}},
		Labels:      []taskdef.Pair{{Name: "l", Value: "v"}},
		TaskRole:    "arn:t", ExecutionRole: "arn:e",
	})
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"containerDefinitions":[{"command":["run","it"],"dockerLabels":{"l":"v"},` +
		`"environment":[{"name":"A","value":"1"},{"name":"B","value":""},{"name":"C","value":"a=b"}],` +
		`"environmentFiles":[{"type":"s3","value":"arn:aws:s3:::bucket/a.env"}],"image":"web:2",` +
		`"logConfiguration":{"logDriver":"awslogs","options":{"awslogs-group":"new"}},"name":"web",` +
		`"secrets":[{"name":"S","valueFrom":"arn:s"}]},{"image":"proxy:2","name":"proxy"}],` +
		`"executionRoleArn":"arn:e","taskRoleArn":"arn:t"}`
	if diff := cmp.Diff(indented(t, want), indented(t, body(t, got))); diff != "" {
		t.Error(diff)
	}
	if d.Image("web") != "web:1" {
		t.Error("Apply changed its receiver")
	}
}

func TestApplyProblemsAllAtOnce(t *testing.T) {
	d := mustParse(t, `{"containerDefinitions":[{"name":"a","image":"b"},{"name":"c","image":"d"}]}`)
	_, err := d.Apply(taskdef.Overrides{Images: []taskdef.Pair{{Name: "x", Value: "y"}}, Command: []string{"z"}})
	var list diag.List
	if !errors.As(err, &list) || len(list) != 2 {
		t.Fatalf("got %v, want two problems", err)
	}
	for _, want := range []string{`no container "x"`, "use one of a, c", "container-name does not say"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in %v", want, err)
		}
	}
}

func TestDiff(t *testing.T) {
	old := mustParse(t, `{"cpu":"256","memory":"512","networkMode":"awsvpc","taskRoleArn":"arn:r1","containerDefinitions":[
		{"name":"web","image":"web@sha256:aa","essential":true,"cpu":0,"mountPoints":[],
		 "environment":[{"name":"GONE","value":"x"},{"name":"SAME","value":"1"},{"name":"PW","value":"hunter1"}],
		 "portMappings":[{"containerPort":8080,"hostPort":8080,"protocol":"tcp"}],
		 "healthCheck":{"command":["CMD","x"],"interval":30,"timeout":5,"retries":3}}]}`)
	new := mustParse(t, `{"cpu":"0.5 vCPU","memory":"512","networkMode":"awsvpc","taskRoleArn":"arn:r2","containerDefinitions":[
		{"name":"web","image":"web@sha256:bb",
		 "environment":[{"name":"PW","value":"hunter2"},{"name":"SAME","value":"1"},{"name":"NEW","value":"y"}],
		 "secrets":[{"name":"KEY","valueFrom":"arn:s"}],
		 "portMappings":[{"containerPort":8080},{"containerPort":9090}],
		 "healthCheck":{"command":["CMD","x"]}}]}`)
	var lines []string
	for _, change := range taskdef.Diff(old, new) {
		lines = append(lines, change.String())
	}
	want := []string{
		"container web: image changed from web@sha256:aa to web@sha256:bb",
		"container web: environment PW changed",
		"container web: environment NEW added",
		"container web: portMappings 9090/tcp added",
		"container web: secrets KEY added: arn:s",
		"container web: environment GONE removed",
		"cpu changed from 256 to 512",
		"taskRoleArn changed from arn:r1 to arn:r2",
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Error(diff)
	}
}

// What ECS reports for a document equals the document: nothing to deploy.
func TestFromAPIRoundTrip(t *testing.T) {
	d := mustParse(t, `{"family":"web","networkMode":"awsvpc","requiresCompatibilities":["FARGATE","EC2"],"containerDefinitions":[
		{"name":"web","image":"web:1","portMappings":[{"containerPort":80}],"command":[]}]}`)
	back, err := taskdef.FromAPI(&types.TaskDefinition{
		TaskDefinitionArn: aws.String("arn:td:7"), Revision: 7, Family: aws.String("web"), NetworkMode: types.NetworkModeAwsvpc,
		RequiresCompatibilities: []types.Compatibility{types.CompatibilityEc2, types.CompatibilityFargate},
		Volumes:                 []types.Volume{}, PlacementConstraints: []types.TaskDefinitionPlacementConstraint{},
		ContainerDefinitions: []types.ContainerDefinition{{
			Name: aws.String("web"), Image: aws.String("web:1"), Essential: aws.Bool(true), Environment: []types.KeyValuePair{},
			PortMappings: []types.PortMapping{{ContainerPort: aws.Int32(80), HostPort: aws.Int32(80), Protocol: types.TransportProtocolTcp}},
		}},
	}, []types.Tag{{Key: aws.String("aws:cloudformation:stack"), Value: aws.String("x")}})
	if err != nil {
		t.Fatal(err)
	}
	if !d.Equal(back) {
		t.Errorf("differences: %v", taskdef.Diff(back, d))
	}
}

// An override shows in the difference, and nothing else does.
func TestDiffSeesExactlyTheOverride(t *testing.T) {
	d := mustParse(t, `{"containerDefinitions":[{"name":"web","image":"web:1","environment":[{"name":"A","value":"1"}]}]}`)
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringMatching(`[A-Z]{1,3}`).Draw(t, "name")
		value := rapid.String().Draw(t, "value")
		got, err := d.Apply(taskdef.Overrides{Environment: []taskdef.Pair{{Name: name, Value: value}}})
		if err != nil {
			t.Fatal(err)
		}
		changes := taskdef.Diff(d, got)
		if name == "A" && value == "1" {
			if len(changes) != 0 {
				t.Fatalf("no change expected: %v", changes)
			}
			return
		}
		if len(changes) != 1 || changes[0].Name != name || changes[0].New != "" {
			t.Fatalf("got %+v", changes)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, dir := range []string{"testdata/shapes"} {
		files, _ := filepath.Glob(dir + "/*")
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := taskdef.Parse("task", data)
		if err != nil {
			return
		}
		b, err := d.JSON()
		if err != nil {
			t.Fatal(err)
		}
		again, err := taskdef.Parse("again", b)
		if err != nil {
			t.Fatalf("what was read does not read again: %v\n%s", err, b)
		}
		if !d.Equal(again) {
			t.Fatalf("reading again changes %v", taskdef.Diff(d, again))
		}
	})
}
