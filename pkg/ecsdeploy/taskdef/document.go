// Package taskdef reads, changes and compares ECS task definitions: pure
// functions over one document, without any call to AWS.
//
// A document holds what the user wrote, not what an SDK happens to know:
// members that are newer than the SDK pass through and are named.
package taskdef

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
)

// Document is a task definition in the shape of the request of
// RegisterTaskDefinition,
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RegisterTaskDefinition.html.
// Its zero value is an empty document.
type Document struct {
	// Unknown names the members that the API model does not know, such as
	// "containerDefinitions[0].newThing". They are sent as they stand.
	Unknown []string
	fields  map[string]any
}

// responseOnly are the members that DescribeTaskDefinition returns and
// RegisterTaskDefinition refuses.
var responseOnly = []string{
	"taskDefinitionArn", "revision", "status", "requiresAttributes", "compatibilities",
	"registeredAt", "registeredBy", "deregisteredAt", "deleteRequestedAt",
}

// JSON returns the document as the body of the register request.
func (d *Document) JSON() ([]byte, error) {
	body, err := json.Marshal(d.fields)
	if err != nil {
		return nil, fmt.Errorf("encode task definition: %w", err)
	}
	return body, nil
}

// Input returns the document as the SDK's type. Unknown members are not in it.
func (d *Document) Input() (*ecs.RegisterTaskDefinitionInput, error) {
	body, err := d.JSON()
	if err != nil {
		return nil, err
	}
	in := &ecs.RegisterTaskDefinitionInput{}
	if err := json.Unmarshal(body, in); err != nil {
		return nil, fmt.Errorf("read task definition: %w", err)
	}
	return in, nil
}

// Family returns the family, "" if the document has none.
func (d *Document) Family() string { return d.text("family") }

// ExecutionRole returns the ARN or name of the role that starts the tasks.
func (d *Document) ExecutionRole() string { return d.text("executionRoleArn") }

// NetworkMode is "" for the default, bridge.
func (d *Document) NetworkMode() string { return d.text("networkMode") }

// TaskRole returns the ARN or name of the role that the tasks hold.
func (d *Document) TaskRole() string { return d.text("taskRoleArn") }

// Platform returns the operating system and architecture of the tasks in
// Docker's words; ECS takes linux/amd64 if nothing is set.
func (d *Document) Platform() (os, arch string) {
	platform, _ := d.fields["runtimePlatform"].(map[string]any)
	os, arch = "linux", "amd64"
	if family, _ := platform["operatingSystemFamily"].(string); len(family) >= 7 && family[:7] == "WINDOWS" {
		os = "windows"
	}
	if platform["cpuArchitecture"] == "ARM64" {
		arch = "arm64"
	}
	return os, arch
}

// Fargate tells whether the tasks may run on Fargate, which needs the network
// mode awsvpc.
func (d *Document) Fargate() bool {
	required, _ := d.fields["requiresCompatibilities"].([]any)
	return d.text("networkMode") == "awsvpc" && (len(required) == 0 || slices.Contains(required, any("FARGATE")))
}

// Containers returns the names of the containers, in order.
func (d *Document) Containers() []string {
	var names []string
	for _, c := range d.containers() {
		name, _ := c["name"].(string)
		names = append(names, name)
	}
	return names
}

// Image returns the image of a container, "" if there is none.
func (d *Document) Image(container string) string {
	image, _ := d.container(container)["image"].(string)
	return image
}

// SetImage replaces the image of a container and tells whether it exists.
func (d *Document) SetImage(container, image string) bool {
	c := d.container(container)
	if c == nil {
		return false
	}
	c["image"] = image
	return true
}

// Clone returns a deep copy.
func (d *Document) Clone() *Document {
	fields, _ := clone(d.fields).(map[string]any)
	return &Document{Unknown: slices.Clone(d.Unknown), fields: fields}
}

// Equal tells whether ECS would treat both documents the same: defaults that
// ECS fills in and the order of named lists do not count.
func (d *Document) Equal(other *Document) bool { return len(Diff(other, d)) == 0 }

func (d *Document) text(key string) string {
	s, _ := d.fields[key].(string)
	return s
}

func (d *Document) containers() []map[string]any {
	list, _ := d.fields["containerDefinitions"].([]any)
	var out []map[string]any
	for _, item := range list {
		if c, ok := item.(map[string]any); ok {
			out = append(out, c)
		}
	}
	return out
}

func (d *Document) container(name string) map[string]any {
	for _, c := range d.containers() {
		if c["name"] == name {
			return c
		}
	}
	return nil
}

func clone(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, item := range v {
			out[k] = clone(item)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = clone(item)
		}
		return out
	default:
		return v
	}
}

// decode reads JSON and keeps numbers as they are written.
func decode(data []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	return decoder.Decode(into) //nolint:wrapcheck // every caller adds the place
}
