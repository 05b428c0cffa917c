package cloudformation

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/org/shipkit/internal/localaws/cloudformation/resource"
)

// back undoes what a failed update did, newest first.
func (d *deployment) back(ctx context.Context) error {
	for _, s := range slices.Backward(d.done) {
		if err := d.undo(ctx, s); err != nil {
			return fmt.Errorf("[%s]", s.now.LogicalID)
		}
	}
	return nil
}

func (d *deployment) undo(ctx context.Context, s step) error {
	if s.verb == "UPDATE" {
		kind, err := resource.Lookup(s.now.Type)
		if err != nil {
			return err
		}
		restored := *s.before
		d.set(d.stack, &restored, "UPDATE_IN_PROGRESS", "", d.token)
		r := d.instance(&restored)
		if err = d.strike(restored.LogicalID, "ROLLBACK"); err == nil {
			err = kind.Update(ctx, d.world, r)
		}
		d.adopt(&restored, r)
		return d.conclude(&restored, "UPDATE", err)
	}
	if s.before != nil {
		d.adopt(s.before, d.instance(s.before))
	}
	if s.now.PhysicalID == "" {
		return nil
	}
	err := d.discard(ctx, d.stack, s.now, d.token, true)
	if err == nil && s.before == nil {
		d.forget(d.stack, s.now)
	}
	return err
}

// forget takes a resource out of the stack.
func (s *Service) forget(st *stack, m *member) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(st.Resources, m.LogicalID)
}

// cleanup deletes what the new revision does not have: resources that are gone
// from the template, and the old ones of those that were replaced. As on AWS a
// failure leaves the resource behind and the stack complete.
func (d *deployment) cleanup(ctx context.Context) {
	wanted := d.wanted()
	for _, name := range d.deletionOrder(d.stack) {
		if m := d.resourceAt(d.stack)(name); !slices.Contains(wanted, name) {
			_ = d.discard(ctx, d.stack, m, d.token, false)
			d.forget(d.stack, m)
		}
	}
	for _, s := range slices.Backward(d.done) {
		if s.verb == "REPLACE" {
			old := *s.before
			old.DeletionPolicy = s.now.UpdateReplacePolicy
			_ = d.discard(ctx, d.stack, &old, d.token, false)
		}
	}
}

// removeAll deletes the resources of a stack, those that are needed last.
// Retained ones and those in keep stay. It returns the logical IDs that
// failed.
func (s *Service) removeAll(ctx context.Context, st *stack, token string, rollback bool, keep []string) (failed []string) {
	blocked := map[string]bool{}
	for _, name := range s.deletionOrder(st) {
		m := s.resourceAt(st)(name)
		if blocked[name] {
			block(blocked, m.Needs)
			continue
		}
		if slices.Contains(keep, name) {
			s.set(st, m, "DELETE_SKIPPED", "", token)
			s.forget(st, m)
			continue
		}
		if err := s.discard(ctx, st, m, token, rollback); err != nil {
			failed = append(failed, name)
			block(blocked, m.Needs)
			continue
		}
		s.forget(st, m)
	}
	return failed
}

// block keeps what a resource needs: it could not be deleted.
func block(blocked map[string]bool, needs []string) {
	for _, needed := range needs {
		blocked[needed] = true
	}
}

// deletionOrder lists resources so that each stands before those it needs.
func (s *Service) deletionOrder(st *stack) (order []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := map[string]bool{}
	var visit func(string)
	visit = func(name string) {
		m := st.Resources[name]
		if m == nil || seen[name] {
			return
		}
		seen[name] = true
		for _, needed := range m.Needs {
			visit(needed)
		}
		order = append(order, name)
	}
	for _, name := range slices.Sorted(maps.Keys(st.Resources)) {
		visit(name)
	}
	slices.Reverse(order)
	return order
}

// discard deletes a resource, or leaves it to itself, as its policy says. A
// rollback takes no snapshot of what never was complete (AWS does not say what
// it does then), and does not heed RetainExceptOnCreate.
func (s *Service) discard(ctx context.Context, st *stack, m *member, token string, rollback bool) error {
	kind, err := resource.Lookup(m.Type)
	if err != nil {
		return err //nolint:wrapcheck // AWS's words
	}
	if m.DeletionPolicy == "Retain" || m.DeletionPolicy == "RetainExceptOnCreate" && !rollback {
		s.set(st, m, "DELETE_SKIPPED", "", token)
		return nil
	}
	final := ""
	complete := strings.HasSuffix(string(m.Status), "_COMPLETE") || m.Status == "DELETE_FAILED"
	if (m.DeletionPolicy == "Snapshot" || m.DeletionPolicy == "" && kind.SnapshotByDefault(m.Properties)) &&
		(complete || !rollback) {
		final = finalName(st, m)
	}
	s.set(st, m, "DELETE_IN_PROGRESS", "", token)
	if err = s.strike(m.LogicalID, "DELETE"); err == nil {
		err = kind.Delete(ctx, s.world, s.instanceOf(st, m), final)
	}
	if err != nil {
		s.set(st, m, "DELETE_FAILED", err.Error(), token)
		return err
	}
	s.set(st, m, "DELETE_COMPLETE", "", token)
	return nil
}

// finalName names the snapshot that a deletion takes, as CloudFormation does:
// stack, "snapshot", resource and chance, in 63 characters.
func finalName(st *stack, m *member) string {
	random := strings.ToLower(randomText()[:12])
	stem := strings.ToLower(*st.StackName + "-snapshot-" + m.LogicalID)
	return strings.Trim(stem[:min(len(stem), 63-len(random)-1)], "-") + "-" + random
}
