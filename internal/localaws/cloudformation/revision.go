package cloudformation

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/org/shipkit/internal/localaws/cloudformation/resource"
	"github.com/org/shipkit/internal/localaws/cloudformation/template"
	"github.com/org/shipkit/internal/localaws/wire"
)

// unknown stands for a value that the deployment itself will make.
const unknown = "{{changeSet:KNOWN_AFTER_APPLY}}"

// revision is a template with its parameters: what a stack is to become.
type revision struct {
	Body         string
	Parameters   []types.Parameter
	Tags         []types.Tag
	Capabilities []types.Capability
	RoleARN      *string

	template *template.Template
	values   map[string]any // of parameters, evaluated
}

// request is what the calls that bring a template share.
type request struct {
	body, url    *string
	usePrevious  *bool
	parameters   []types.Parameter
	tags         []types.Tag
	capabilities []types.Capability
	role         *string
}

// revise reads and checks a request; st is nil for a new stack.
func (s *Service) revise(ctx context.Context, st *stack, in request) (*revision, error) {
	r := &revision{Body: aws.ToString(in.body), Tags: in.tags, Capabilities: in.capabilities, RoleARN: in.role}
	switch {
	case in.url != nil:
		return nil, invalid("local CloudFormation reads TemplateBody, not TemplateURL")
	case aws.ToBool(in.usePrevious) && st != nil:
		r.Body = st.Body
	case r.Body == "":
		return nil, invalid("Either Template URL or Template Body must be specified.")
	case len(r.Body) > 51_200:
		return nil, invalid("1 validation error detected: Value at 'templateBody' failed to satisfy constraint: " +
			"Member must have length less than or equal to 51200")
	}
	if st != nil && r.RoleARN == nil {
		r.RoleARN = st.RoleARN
	}
	if st != nil && in.tags == nil {
		r.Tags = st.Tags
	}
	var err error
	if r.template, err = template.Parse(r.Body); err != nil {
		return nil, invalid("%s", err.Error())
	}
	if err := r.checkTypes(); err != nil {
		return nil, err
	}
	return r, s.bindParameters(ctx, r, st, in.parameters)
}

func (r *revision) checkTypes() error {
	for _, name := range slices.Sorted(maps.Keys(r.template.Resources)) {
		typ := r.template.Resources[name].Type
		if _, err := resource.Lookup(typ); err != nil {
			return invalid("%s", err.Error())
		}
		if strings.HasPrefix(typ, "AWS::IAM::") && len(r.Capabilities) == 0 {
			return wire.Errorf("InsufficientCapabilitiesException", 400, "Requires capabilities : [CAPABILITY_IAM]")
		}
		if policy := r.template.Resources[name].DeletionPolicy; policy == "Snapshot" && !takesSnapshots(typ) {
			return invalid("Template error: resource type %s does not support deletion policy Snapshot", typ)
		}
	}
	return nil
}

func takesSnapshots(typ string) bool {
	return typ == "AWS::RDS::DBInstance" || typ == "AWS::RDS::DBCluster"
}

// bindParameters gives every declared parameter its value.
func (s *Service) bindParameters(ctx context.Context, r *revision, st *stack, given []types.Parameter) error {
	byKey := map[string]types.Parameter{}
	var extra, missing []string
	for _, p := range given {
		byKey[aws.ToString(p.ParameterKey)] = p
		if _, declared := r.template.Parameters[aws.ToString(p.ParameterKey)]; !declared {
			extra = append(extra, aws.ToString(p.ParameterKey))
		}
	}
	if len(extra) > 0 {
		return invalid("Parameters: [%s] do not exist in the template", strings.Join(extra, ", "))
	}
	r.values = map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(r.template.Parameters)) {
		declared := r.template.Parameters[name]
		value := choose(declared, byKey[name], st, name)
		if value == nil {
			missing = append(missing, name)
			continue
		}
		if len(declared.AllowedValues) > 0 && !slices.Contains(declared.AllowedValues, *value) {
			return invalid("Parameter '%s' must be one of AllowedValues", name)
		}
		if err := s.bindParameter(ctx, r, name, declared, *value); err != nil {
			return err
		}
	}
	if len(missing) > 0 {
		return invalid("Parameters: [%s] must have values", strings.Join(missing, ", "))
	}
	return nil
}

// choose returns a parameter's text: the one given, the previous one or the
// default.
func choose(declared template.Parameter, given types.Parameter, st *stack, name string) *string {
	if given.ParameterValue != nil {
		return given.ParameterValue
	}
	if st != nil && aws.ToBool(given.UsePreviousValue) {
		for _, p := range st.Parameters {
			if aws.ToString(p.ParameterKey) == name {
				return p.ParameterValue
			}
		}
	}
	return declared.Default
}

func (s *Service) bindParameter(ctx context.Context, r *revision, name string, declared template.Parameter,
	value string) error {
	p := types.Parameter{ParameterKey: &name, ParameterValue: &value}
	if strings.HasPrefix(declared.Type, "AWS::SSM::Parameter::Value<") {
		resolved, err := s.parameterStore(ctx, value)
		if err != nil {
			return invalid("Unable to fetch parameters [%s] from parameter store for this account.", value)
		}
		p.ResolvedValue = &resolved
	}
	r.Parameters = append(r.Parameters, p)
	r.values[name] = parameterValue(declared, p)
	return nil
}

// parameterValue is what Ref gives for a parameter.
func parameterValue(declared template.Parameter, p types.Parameter) any {
	text := aws.ToString(p.ParameterValue)
	if p.ResolvedValue != nil {
		text = *p.ResolvedValue
	}
	if !strings.Contains(declared.Type, "List") {
		return text
	}
	var items []any
	for _, item := range strings.Split(text, ",") {
		items = append(items, strings.TrimSpace(item))
	}
	return items
}

// scope binds the template to the resources that exist.
func (r *revision) scope(st *stack, resources func(string) *member,
	export func(string) (string, error)) (*template.Scope, error) {
	bound, err := r.template.Bind(template.Scope{
		Parameters: r.values,
		Pseudo: map[string]string{
			"AWS::Region": st.Region, "AWS::AccountId": st.Account, "AWS::StackName": *st.StackName,
			"AWS::StackId":   *st.StackId,
			"AWS::Partition": "aws", "AWS::URLSuffix": "amazonaws.com",
		},
		Ref: func(name string) (any, error) {
			if m := resources(name); m != nil {
				return m.PhysicalID, nil
			}
			return unknown, nil
		},
		Attribute: func(name, attribute string) (any, error) {
			m := resources(name)
			if m == nil {
				return unknown, nil
			}
			if v, ok := m.Attributes[attribute]; ok {
				return v, nil
			}
			return nil, invalid("Template error: resource %s does not support attribute type %s in Fn::GetAtt", name,
				attribute)
		},
		Import: export,
	})
	if err != nil {
		return nil, invalid("%s", err.Error())
	}
	return bound, nil
}

// encode shows properties in an event.
func encode(properties map[string]any) string {
	b, err := json.Marshal(properties)
	if err != nil || properties == nil {
		return ""
	}
	return string(b)
}

// stackTags returns tags by key.
func stackTags(tags []types.Tag) map[string]string {
	m := map[string]string{}
	for _, t := range tags {
		m[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	return m
}
