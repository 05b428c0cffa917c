package action

import (
	"reflect"
	"slices"
	"strings"

	"github.com/org/shipkit/pkg/diag"
	"github.com/org/shipkit/pkg/nearest"
)

// commandLine is what was given after the name of an action.
type commandLine struct {
	inputs  map[string]string
	post    bool
	json    bool
	help    bool
	version bool
}

// parseFlags reads --name value, --name=value and, for true or false, --name
// alone. A flag given again adds a line, which is how lists are given.
func parseFlags(args []string, fields []Field) (commandLine, diag.List) {
	line := commandLine{inputs: map[string]string{}}
	var problems diag.List
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		if arg == "post" && len(line.inputs) == 0 {
			line.post = true
			continue
		}
		name, ok := strings.CutPrefix(arg, "--")
		if !ok {
			problems.Errorf("give inputs as --name value", "argument %s is not expected", quote(arg))
			continue
		}
		name, value, inline := strings.Cut(name, "=")
		if !inline && line.switchOn(name) {
			continue
		}
		field, known := fieldNamed(fields, name)
		switch {
		case !known:
			problems.Errorf(suggestFlag(name, fields), "flag --%s is not known", name)
			if !inline && len(args) > 0 && !strings.HasPrefix(args[0], "--") {
				args = args[1:] // its value
			}
			continue
		case inline:
		case field.isBool():
			value = "true"
			if len(args) > 0 && (args[0] == "true" || args[0] == "false") {
				value, args = args[0], args[1:]
			}
		case len(args) == 0:
			problems.Errorf(terminalHint(name, field.example()), "flag --%s has no value", name)
			continue
		default:
			value, args = args[0], args[1:]
		}
		line.add(field, value)
	}
	return line, problems
}

func (c *commandLine) switchOn(name string) bool {
	switch name {
	case "help":
		c.help = true
	case "json":
		c.json = true
	case "version":
		c.version = true
	default:
		return false
	}
	return true
}

func (c *commandLine) add(field Field, value string) {
	if earlier, ok := c.inputs[field.Input]; ok && field.list {
		value = earlier + "\n" + value
	}
	c.inputs[field.Input] = value
}

func (f Field) isBool() bool { return f.kind.name == basicKinds[reflect.Bool].name }

func fieldNamed(fields []Field, name string) (Field, bool) {
	i := slices.IndexFunc(fields, func(f Field) bool { return f.Input == name })
	if i < 0 {
		return Field{}, false
	}
	return fields[i], true
}

func suggestFlag(name string, fields []Field) string {
	names := slices.Clone(reserved)
	for _, f := range fields {
		names = append(names, f.Input)
	}
	if near := nearest.Word(name, names); near != "" {
		return "did you mean --" + near + "?"
	}
	return "--help lists the flags"
}
