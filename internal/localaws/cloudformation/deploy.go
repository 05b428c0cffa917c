package cloudformation

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/org/shipkit/internal/localaws/cloudformation/resource"
	"github.com/org/shipkit/internal/localaws/cloudformation/template"
)

// deployment takes a stack to a revision, and back if that fails.
type deployment struct {
	*Service
	stack  *stack
	next   *revision
	token  string
	scope  *template.Scope
	cancel context.CancelFunc

	mu      sync.Mutex
	done    []step               // what was done, in order
	failed  []string             // logical IDs
	waiters map[string]chan bool // closed when a resource is settled
}

// step is a change that happened, with what it takes to undo it.
type step struct {
	verb   string  // CREATE, UPDATE, REPLACE
	now    *member // as it is
	before *member // as it was; nil for CREATE
}

// resourceAt returns a resource that exists.
func (s *Service) resourceAt(st *stack) func(string) *member {
	return func(name string) *member {
		s.mu.Lock()
		defer s.mu.Unlock()
		return st.Resources[name]
	}
}

// forward brings all resources of the revision to what it says.
func (d *deployment) forward(ctx context.Context) error {
	ctx, d.cancel = context.WithCancel(ctx)
	defer d.cancel()
	scope, err := d.next.scope(d.stack, d.resourceAt(d.stack), d.export(ctx))
	if err != nil {
		return err
	}
	d.scope = scope
	names := d.wanted()
	d.waiters = map[string]chan bool{}
	for _, name := range names {
		d.waiters[name] = make(chan bool)
	}
	var all sync.WaitGroup
	for _, name := range names {
		all.Go(func() {
			defer close(d.waiters[name])
			d.settle(ctx, name)
		})
	}
	all.Wait()
	if len(d.failed) > 0 {
		slices.Sort(d.failed)
		return fmt.Errorf("[%s]", strings.Join(d.failed, ", "))
	}
	return nil
}

// wanted lists the resources of the revision whose condition holds.
func (d *deployment) wanted() (names []string) {
	for name, r := range d.next.template.Resources {
		if d.scope.Holds(r.Condition) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// settle waits for what a resource needs, then changes it if need be.
func (d *deployment) settle(ctx context.Context, name string) {
	for _, needed := range d.next.template.Dependencies(name) {
		if w, ok := d.waiters[needed]; ok {
			<-w
		}
	}
	if ctx.Err() != nil {
		return // something failed: what has not begun does not begin
	}
	if err := d.change(ctx, name); err != nil {
		d.mu.Lock()
		d.failed = append(d.failed, name)
		d.mu.Unlock()
		d.cancel()
	}
}

// change creates, updates or replaces one resource.
func (d *deployment) change(ctx context.Context, name string) error {
	declared := d.next.template.Resources[name]
	kind, err := resource.Lookup(declared.Type)
	if err != nil {
		return err
	}
	m := &member{
		LogicalID: name, Type: declared.Type, DeletionPolicy: declared.DeletionPolicy,
		UpdateReplacePolicy: declared.UpdateReplacePolicy,
		Needs:               d.next.template.Dependencies(name), Tags: stackTags(d.next.Tags),
	}
	before := d.resourceAt(d.stack)(name)
	properties, err := d.properties(ctx, declared)
	if err != nil {
		d.set(d.stack, m, "CREATE_FAILED", err.Error(), d.token)
		return err
	}
	m.Properties = properties
	if before == nil {
		return d.create(ctx, kind, m, step{verb: "CREATE", now: m})
	}
	changed := len(resource.Changed(before.Properties, properties)) > 0
	retagged := kind.Taggable() && !maps.Equal(before.Tags, m.Tags)
	switch {
	case before.Type != m.Type:
		return fmt.Errorf("the type of %s cannot change", name)
	case !changed && !retagged:
		d.keep(before, m)
		return nil
	case changed && kind.Replaces(before.Properties, properties):
		d.set(d.stack, m, "UPDATE_IN_PROGRESS",
			"Requested update requires the creation of a new physical resource; hence creating one.", d.token)
		return d.create(ctx, kind, m, step{verb: "REPLACE", now: m, before: before})
	}
	return d.update(ctx, kind, m, before)
}

func (d *deployment) properties(ctx context.Context, declared template.Resource) (map[string]any, error) {
	evaluated, err := d.scope.Evaluate(declared.Properties)
	if err != nil {
		return nil, fmt.Errorf("evaluate the properties: %w", err)
	}
	resolved, err := d.resolve(ctx, evaluated)
	if err != nil {
		return nil, err
	}
	return resolved.(map[string]any), nil //nolint:forcetypeassert // a map evaluates to a map
}

// keep takes over what is not a property.
func (d *deployment) keep(before, m *member) {
	d.Service.mu.Lock()
	defer d.Service.mu.Unlock()
	kept := *before
	kept.DeletionPolicy, kept.UpdateReplacePolicy, kept.Needs = m.DeletionPolicy, m.UpdateReplacePolicy, m.Needs
	d.stack.Resources[m.LogicalID] = &kept
}

// instance is a member as its kind sees it.
func (d *deployment) instance(m *member) *resource.Instance { return d.instanceOf(d.stack, m) }

func (s *Service) instanceOf(st *stack, m *member) *resource.Instance {
	return &resource.Instance{
		LogicalID: m.LogicalID, Type: m.Type, PhysicalID: m.PhysicalID, StackName: *st.StackName, StackID: *st.StackId,
		Properties: m.Properties, Attributes: m.Attributes, StackTags: m.Tags,
	}
}

func (d *deployment) create(ctx context.Context, kind *resource.Kind, m *member, s step) error {
	verb := "CREATE"
	if s.verb == "REPLACE" {
		verb = "UPDATE"
	} else {
		d.set(d.stack, m, "CREATE_IN_PROGRESS", "", d.token)
	}
	r := d.instance(m)
	err := d.strike(m.LogicalID, "CREATE")
	if err == nil {
		err = kind.Create(ctx, d.world, r)
	}
	d.adopt(m, r)
	if m.PhysicalID != "" || err == nil {
		d.did(s)
	}
	return d.conclude(m, verb, err)
}

func (d *deployment) update(ctx context.Context, kind *resource.Kind, m, before *member) error {
	m.PhysicalID, m.Attributes = before.PhysicalID, before.Attributes
	d.set(d.stack, m, "UPDATE_IN_PROGRESS", "", d.token)
	d.did(step{verb: "UPDATE", now: m, before: before})
	r := d.instance(m)
	err := d.strike(m.LogicalID, "UPDATE")
	if err == nil {
		err = kind.Update(ctx, d.world, r)
	}
	d.adopt(m, r)
	return d.conclude(m, "UPDATE", err)
}

// adopt makes what the kind learned visible to Ref and GetAtt.
func (d *deployment) adopt(m *member, r *resource.Instance) {
	d.Service.mu.Lock()
	defer d.Service.mu.Unlock()
	m.PhysicalID, m.Attributes = r.PhysicalID, r.Attributes
	d.stack.Resources[m.LogicalID] = m
}

func (d *deployment) did(s step) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.done = append(d.done, s)
}

// conclude records how an operation on a resource ended.
func (d *deployment) conclude(m *member, verb string, err error) error {
	switch {
	case err == nil:
		d.set(d.stack, m, types.ResourceStatus(verb+"_COMPLETE"), "", d.token)
	case errors.Is(err, context.Canceled):
		noun := map[string]string{"CREATE": "creation", "UPDATE": "update"}[verb]
		d.set(d.stack, m, types.ResourceStatus(verb+"_FAILED"), "Resource "+noun+" cancelled", d.token)
	default:
		d.set(d.stack, m, types.ResourceStatus(verb+"_FAILED"), err.Error(), d.token)
	}
	return err
}

// outputs evaluates the template's outputs.
func (d *deployment) outputs() ([]types.Output, error) {
	var outputs []types.Output
	for _, name := range slices.Sorted(maps.Keys(d.next.template.Outputs)) {
		o := d.next.template.Outputs[name]
		if !d.scope.Holds(o.Condition) {
			continue
		}
		value, err := d.scope.Text(o.Value)
		if err != nil {
			return nil, fmt.Errorf("output %s: %w", name, err)
		}
		out := types.Output{OutputKey: &name, OutputValue: &value, Description: optional(o.Description)}
		if o.Export != nil {
			exported, err := d.scope.Text(o.Export)
			if err != nil {
				return nil, fmt.Errorf("export of output %s: %w", name, err)
			}
			out.ExportName = &exported
		}
		outputs = append(outputs, out)
	}
	return outputs, nil
}

// export finds what other stacks of the place export.
func (s *Service) export(ctx context.Context) func(string) (string, error) {
	return func(name string) (string, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, st := range s.here(ctx) {
			for _, o := range st.Outputs {
				if o.ExportName != nil && *o.ExportName == name {
					return *o.OutputValue, nil
				}
			}
		}
		return "", invalid("No export named %s found.", name)
	}
}

// pause is the time that CloudFormation takes between steps.
func (s *Service) pause(ctx context.Context) { _ = s.world.Clock.Sleep(ctx, time.Second) }
