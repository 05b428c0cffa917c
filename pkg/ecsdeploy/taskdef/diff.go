package taskdef

import (
	"fmt"
	"slices"
	"strings"
)

// Change is one difference in the words of a reader of task definitions.
type Change struct {
	// Container is "" for members of the task itself.
	Container string
	// Field is the member, such as "image", "environment", "cpu" or
	// "healthCheck.interval".
	Field string
	// Name is the entry of a named list: a variable, a port, a volume.
	Name string
	// Old and New are values fit to show: "" where absent, and always "" for
	// the values of variables.
	Old, New string
	Kind     Kind
}

// Kind tells what happened to a member.
type Kind string

// The kinds of changes.
const (
	Added   Kind = "added"
	Removed Kind = "removed"
	Changed Kind = "changed"
)

// String returns the change as one line of plain words.
func (c Change) String() string {
	var b strings.Builder
	if c.Container != "" {
		b.WriteString("container " + c.Container + ": ")
	}
	b.WriteString(c.Field)
	if c.Name != "" {
		b.WriteString(" " + c.Name)
	}
	b.WriteString(" " + string(c.Kind))
	switch {
	case c.Old != "" && c.New != "":
		fmt.Fprintf(&b, " from %s to %s", c.Old, c.New)
	case c.New != "":
		fmt.Fprintf(&b, ": %s", c.New)
	case c.Old != "":
		fmt.Fprintf(&b, ": %s", c.Old)
	}
	return b.String()
}

// Diff returns what changes from old to new, image changes first, otherwise in
// the order of containers and members. A nil old means that all is new.
// Defaults that ECS fills in, and the order of named lists, are no change.
func Diff(old, new *Document) []Change {
	before, after := flatten(old), flatten(new)
	if len(new.tags()) == 0 {
		before = slices.DeleteFunc(before, func(e entry) bool { return e.field == "tags" })
	}
	var changes []Change
	for _, e := range after {
		was, ok := find(before, e)
		switch {
		case !ok:
			changes = append(changes, e.change(Added, "", e.shown()))
		case was.value != e.value:
			changes = append(changes, e.change(Changed, was.shown(), e.shown()))
		}
	}
	for _, e := range before {
		if _, ok := find(after, e); !ok {
			changes = append(changes, e.change(Removed, e.shown(), ""))
		}
	}
	slices.SortStableFunc(changes, func(a, b Change) int { return rank(a) - rank(b) })
	return changes
}

func rank(c Change) int {
	switch {
	case c.Field == "image":
		return 0
	case c.Container != "":
		return 1
	default:
		return 2
	}
}

// entry is one leaf of a document in canonical form.
type entry struct {
	container, field, name, value string
	hidden                        bool
}

func (e entry) shown() string {
	if e.hidden {
		return ""
	}
	return e.value
}

func (e entry) change(kind Kind, old, new string) Change {
	return Change{Container: e.container, Field: e.field, Name: e.name, Old: old, New: new, Kind: kind}
}

func find(list []entry, like entry) (entry, bool) {
	i := slices.IndexFunc(list, func(e entry) bool {
		return e.container == like.container && e.field == like.field && e.name == like.name
	})
	if i < 0 {
		return entry{}, false
	}
	return list[i], true
}

func (d *Document) tags() []any {
	if d == nil {
		return nil
	}
	tags, _ := d.fields["tags"].([]any)
	return tags
}
