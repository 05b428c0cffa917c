package ecsdeploy

import (
	"encoding/json"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/org/shipkit/pkg/diag"
)

// appSpec puts the task definition into every resource of an AppSpec file and
// returns it as JSON, which CodeDeploy takes as well.
func appSpec(name string, data []byte, definition string) ([]byte, error) {
	if len(data) == 0 {
		return nil, &diag.Diagnostic{
			Summary: fmt.Sprintf("CodeDeploy deploys this service and there is no AppSpec file %q", name),
			Try:     "write codedeploy-appspec: path/to/appspec.yaml",
		}
	}
	var spec map[string]any
	if err := yaml.Unmarshal(data, &spec); err != nil {
		return nil, &diag.Diagnostic{Summary: "not a valid AppSpec: " + err.Error(), File: name, Try: "correct the file", Err: err}
	}
	resources, _ := member(spec, "resources").([]any)
	changed := 0
	for _, item := range resources {
		named, _ := item.(map[string]any)
		for _, resource := range named {
			properties, ok := member(resource, "properties").(map[string]any)
			if !ok {
				continue
			}
			key := "TaskDefinition"
			for k := range properties {
				if strings.EqualFold(k, key) {
					key = k
				}
			}
			properties[key] = definition
			changed++
		}
	}
	if changed == 0 {
		return nil, &diag.Diagnostic{
			Summary: "the AppSpec has no resource with properties", File: name,
			Try: "give it as the ECS developer guide shows: Resources, TargetService, Properties, TaskDefinition",
		}
	}
	out, err := json.Marshal(spec)
	if err != nil {
		return nil, fmt.Errorf("encode AppSpec %s: %w", name, err)
	}
	return out, nil
}

// member reads a member regardless of case.
func member(object any, key string) any {
	fields, _ := object.(map[string]any)
	for k, v := range fields {
		if strings.EqualFold(k, key) {
			return v
		}
	}
	return nil
}
