package action

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/org/shipkit/pkg/diag"
)

// Program is the binary: its actions, and commands that are none.
type Program struct {
	// Name is how the binary is called; "" means shipkit.
	Name string
	// Version is the text of `version`.
	Version string
	Specs   []Spec
	// Commands are those of a terminal only, such as status.
	Commands []Command
	// Fill supplies inputs that were left unset; nil leaves them.
	Fill Fill
}

// Command is a command of the binary that is no action.
type Command struct {
	Name string
	// About is one line for the help.
	About string
	// Run returns the exit code.
	Run func(ctx context.Context, host Host, args []string) int
}

// Main runs the action or command that args name (without the program's own
// name) and returns the exit code.
func (p Program) Main(ctx context.Context, host Host, args []string) int {
	if len(args) == 0 {
		p.help(host.Stderr)
		return ExitBadInput
	}
	switch args[0] {
	case "help", "--help", "-h":
		p.help(host.Stdout)
		return ExitOK
	case "version", "--version":
		fmt.Fprintln(host.Stdout, p.Version)
		return ExitOK
	}
	for _, command := range p.Commands {
		if command.Name == args[0] {
			return command.Run(ctx, host, args[1:])
		}
	}
	i := slices.IndexFunc(p.Specs, func(s Spec) bool { return s.name == args[0] })
	if i < 0 {
		var problems diag.List
		problems.Errorf(suggest(args[0], p.words()), "%s has no action %s", p.name(), quote(args[0]))
		showAll(newLogger(host, true), problems)
		return ExitBadInput
	}
	return p.runAction(ctx, host, p.Specs[i], args[1:])
}

// runAction reads the command line and inputs of one action, runs it and
// shows how it ended.
func (p Program) runAction(ctx context.Context, host Host, spec Spec, args []string) int {
	meta, fields, err := spec.describe()
	if err != nil {
		showAll(newLogger(host, false), diag.From(err))
		return ExitFailed
	}
	line, problems := parseFlags(args, fields)
	switch {
	case line.help:
		helpAction(host.Stdout, p.name(), spec, meta, fields)
		return ExitOK
	case line.version:
		fmt.Fprintln(host.Stdout, p.Version)
		return ExitOK
	}
	log := newLogger(host, line.json)
	rt := newRuntime(spec.name, meta, host, log)
	do := spec.post
	switch {
	case line.post && do == nil:
		problems.Errorf("run it without post", "%s has no post phase", spec.name)
	case line.post:
		maskSecrets(rt, meta, fields)
	case len(problems) == 0:
		var inputs reflect.Value
		inputs, problems = p.bindInputs(ctx, rt, spec, line.inputs)
		do = func(ctx context.Context, rt *Runtime) error { return spec.run(ctx, rt, inputs) }
	}
	if problems.HasErrors() {
		err = rt.finish(problems)
		return result{rt, err, ExitBadInput}.show(line.json)
	}
	sig, err := supervise(ctx, host.Signals, func(ctx context.Context) error { return do(ctx, rt) })
	var internal *internalError
	if errors.As(err, &internal) {
		rt.Debugf("%s", internal.stack)
	}
	err = rt.finish(err)
	return result{rt, err, exitCode(err, sig)}.show(line.json)
}

// bindInputs gathers the inputs of an action and binds them to its struct.
func (p Program) bindInputs(
	ctx context.Context, rt *Runtime, spec Spec, flags map[string]string,
) (reflect.Value, diag.List) {
	fields, _ := spec.Fields()
	values, unknown := givenInputs(rt.meta, rt.host, flags)
	if err := completeInputs(ctx, p.Fill, spec.name, rt.meta, rt.host, values); err != nil {
		return reflect.Value{}, diag.From(err)
	}
	for _, field := range fields {
		if field.Secret {
			rt.Mask(values[field.Input].text)
		}
	}
	rt.Annotate(checkNames(rt.meta, unknown, values)...)
	hint := workflowHint
	if !rt.OnGitHub() {
		hint = terminalHint
	}
	return bind(spec.inputs, fields, rt.meta, values, hint)
}

// maskSecrets hides secret inputs in the post phase, which binds none.
func maskSecrets(rt *Runtime, meta *Metadata, fields []Field) {
	values, _ := givenInputs(meta, rt.host, nil)
	for _, field := range fields {
		if field.Secret {
			rt.Mask(values[field.Input].text)
		}
	}
}

func (s Spec) describe() (*Metadata, []Field, error) {
	meta, err := s.Metadata()
	if err != nil {
		return nil, nil, err
	}
	fields, err := s.Fields()
	return meta, fields, err
}

func (p Program) name() string {
	if p.Name == "" {
		return "shipkit"
	}
	return p.Name
}

func (p Program) words() []string {
	words := []string{"help", "version"}
	for _, c := range p.Commands {
		words = append(words, c.Name)
	}
	for _, s := range p.Specs {
		words = append(words, s.name)
	}
	return words
}

func showAll(log *logger, list diag.List) {
	shown := findings{log: log}
	for _, d := range list {
		shown.add(d)
	}
}
