package action

import (
	"errors"
	"fmt"
	"sync"

	"github.com/org/shipkit/pkg/diag"
	"github.com/org/shipkit/pkg/progress"
)

// Runtime is what a running action talks to. All methods may be called from
// several goroutines. A write that fails (a full disk, an unwritable
// GITHUB_OUTPUT) fails the step when the action has ended.
type Runtime struct {
	name     string
	meta     *Metadata
	host     Host
	log      *logger
	files    *commandFiles
	summary  *summary
	findings *findings
	reporter *reporter

	mu      sync.Mutex
	outputs []namedValue
	faults  []error
	github  func() GitHub
}

type namedValue struct{ name, value string }

func newRuntime(name string, meta *Metadata, host Host, log *logger) *Runtime {
	rt := &Runtime{name: name, meta: meta, host: host, log: log}
	rt.github = sync.OnceValue(func() GitHub { return readGitHub(host) })
	rt.files = &commandFiles{host: host}
	rt.summary = &summary{write: rt.files.summary, redact: log.redact}
	rt.findings = &findings{log: log}
	rt.reporter = newReporter(log, host.Terminal && !log.commands)
	return rt
}

// SetOutput sets an output of the step. The name must be declared in
// action.yml; setting it again replaces the value.
func (rt *Runtime) SetOutput(name, value string) {
	if !rt.meta.HasOutput(name) {
		rt.fault(fmt.Errorf("set output %q of %s: action.yml does not declare it", name, rt.name))
		return
	}
	rt.mu.Lock()
	rt.outputs = append(rt.outputs, namedValue{name, value})
	rt.mu.Unlock()
	if rt.OnGitHub() {
		rt.fault(rt.files.value("output", name, value))
	}
}

// lastOutputs returns the outputs without masked values.
func (rt *Runtime) lastOutputs() map[string]string {
	rt.mu.Lock()
	defer rt.mu.Unlock()
	values := map[string]string{}
	for _, output := range rt.outputs {
		values[output.name] = rt.log.redact(output.value)
	}
	return values
}

// SaveState keeps a value for the post phase of the same step.
func (rt *Runtime) SaveState(key, value string) {
	if rt.OnGitHub() {
		rt.fault(rt.files.value("state", key, value))
	}
}

// State returns what run saved under key, in the post phase.
func (rt *Runtime) State(key string) string { return rt.Getenv("STATE_" + key) }

// Mask keeps a value out of everything that is shown from now on.
func (rt *Runtime) Mask(secret string) { rt.log.mask(secret) }

// Group folds the log lines up to the call of end under a title.
func (rt *Runtime) Group(title string) (end func()) { return rt.log.group(title) }

// Annotate shows findings: as annotations on GitHub, up to the runner's limit
// of ten of each severity, the others in the summary.
func (rt *Runtime) Annotate(found ...*diag.Diagnostic) {
	for _, d := range found {
		rt.findings.add(d)
	}
}

// Summary appends Markdown to the summary of the job, which GitHub limits to
// 1 MiB a step.
func (rt *Runtime) Summary(md string) { rt.fault(rt.summary.add(md)) }

// Infof writes a line to the log.
func (rt *Runtime) Infof(format string, args ...any) { rt.log.line(fmt.Sprintf(format, args...)) }

// Debugf writes a line that shows only in a debug run (RUNNER_DEBUG=1).
func (rt *Runtime) Debugf(format string, args ...any) { rt.log.debug(fmt.Sprintf(format, args...)) }

// Progress returns where a domain reports long work: a live line in a
// terminal; in a log, a line at a milestone and a heartbeat.
func (rt *Runtime) Progress() progress.Func { return rt.reporter.receive }

// Getenv returns an environment variable, "" if it is not set.
func (rt *Runtime) Getenv(key string) string { return rt.host.Getenv(key) }

// OnGitHub tells whether a runner started the action.
func (rt *Runtime) OnGitHub() bool { return rt.host.OnGitHub() }

// GitHub returns the run that started the action; outside GitHub its fields
// are empty.
func (rt *Runtime) GitHub() GitHub { return rt.github() }

func (rt *Runtime) fault(err error) {
	if err == nil {
		return
	}
	rt.mu.Lock()
	defer rt.mu.Unlock()
	rt.faults = append(rt.faults, err)
}

// finish shows how the action ended and flushes what was held back. It
// returns the error of the whole step.
func (rt *Runtime) finish(err error) error {
	rt.reporter.stop()
	found := diag.From(err)
	rt.Annotate(found...)
	if found.HasErrors() && rt.OnGitHub() && rt.summary.markdown() == "" {
		rt.Summary(failureView(rt.name, found))
	}
	rt.fault(rt.summary.end(rt.findings.folded()))
	rt.mu.Lock()
	faults := errors.Join(rt.faults...)
	rt.mu.Unlock()
	if faults != nil {
		rt.Annotate(&diag.Diagnostic{
			Summary: faults.Error(), Err: faults,
			Try: "see that the runner's disk is not full and its command files can be written",
		})
	}
	return errors.Join(err, faults)
}
