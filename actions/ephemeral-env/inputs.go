package ephemeralenv

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/org/shipkit/pkg/action"
	"github.com/org/shipkit/pkg/diag"
	"github.com/org/shipkit/pkg/environment"
	"github.com/org/shipkit/pkg/environment/hours"
	"github.com/org/shipkit/pkg/namespace"
	"github.com/org/shipkit/pkg/notify"
)

// inputs are those of action.yml.
type inputs struct {
	Command         string        `input:"command" oneof:"up,down,list,extend,pause,wake,reap,run,off-hours"`
	Environment     string        `input:"environment"`
	Config          string        `input:"config"`
	Namespace       string        `input:"namespace"`
	Pull            *int          `input:"pr" min:"1" max:"2147483647"`
	Name            string        `input:"name"`
	DBSnapshot      string        `input:"db-snapshot"`
	DBSource        string        `input:"db-source"`
	TestCommand     string        `input:"test-command"`
	Label           string        `input:"label"`
	Token           string        `input:"github-token" secret:"true"`
	Comment         bool          `input:"comment"`
	Workflow        string        `input:"workflow"`
	Wait            time.Duration `input:"wait" min:"0s" max:"6h"`
	Region          string        `input:"aws-region"`
	ExpectedAccount string        `input:"expected-account-id"`
	DryRun          *bool         `input:"dry-run"`

	backendInputs
	boundInputs
	noticeInputs
	taskInputs
}

// noticeInputs say whom to tell, and of what.
type noticeInputs struct {
	NoticeBefore time.Duration `input:"notice-before" min:"0s" max:"720h"`
	TestReport   string        `input:"test-report"`
	notify.Settings
}

// backendInputs say what the environment consists of.
type backendInputs struct {
	Backend      string            `input:"backend" oneof:"cloudformation,terraform"`
	Template     action.File       `input:"template"`
	Parameters   []action.KeyValue `input:"template-parameters"`
	Capabilities []string          `input:"capabilities" sep:","`
	Image        string            `input:"image"`
	Cluster      string            `input:"cluster"`
	Services     []string          `input:"services" sep:","`
	Databases    []string          `input:"databases" sep:","`
	URL          string            `input:"url"`
	Dir          string            `input:"terraform-dir"`
	Binary       string            `input:"terraform-binary"`
	Configure    string            `input:"configure"`
	StackRole    string            `input:"stack-role-arn"`
	ScheduleRole string            `input:"schedule-role-arn"`
}

// boundInputs bound its time and its cost.
type boundInputs struct {
	TTL      time.Duration `input:"ttl" min:"10m" max:"8760h"`
	MaxEnvs  int           `input:"max-envs" min:"0" max:"1000"`
	MaxCost  *float64      `input:"max-cost" min:"0"`
	Hourly   *float64      `input:"hourly-cost" min:"0"`
	CPU      int           `input:"cpu" min:"128" max:"16384"`
	Memory   int           `input:"memory" min:"256" max:"122880"`
	Hours    string        `input:"hours"`
	Holidays []string      `input:"holidays"`
}

// snapshotMark stands for the chosen snapshot in a template parameter.
const snapshotMark = "${snapshot}"

// builtIn tells whether the environment is made from the template of this action.
func (in inputs) builtIn() bool { return in.Backend == "cloudformation" && in.Template == "" }

// passesSnapshot tells whether a template parameter takes the snapshot.
func (in inputs) passesSnapshot() bool {
	return slices.ContainsFunc(in.Parameters, func(p action.KeyValue) bool { return strings.Contains(p.Value, snapshotMark) })
}

// dry tells whether nothing may be changed. A reap must be told to act.
func (in inputs) dry() bool {
	if in.DryRun == nil {
		return in.Command == "reap"
	}
	return *in.DryRun
}

// subject is which environment a command is about.
type subject struct {
	base, env namespace.Namespace
	pull      int
	head      head
	clock     *hours.Hours
}

// subject reads it, with all that is wrong at once.
func (in inputs) subject(gh action.GitHub) (subject, error) {
	var s subject
	var bad diag.List
	var err error
	if s.base, err = namespace.Parse(in.Namespace); err != nil {
		bad.Errorf("give environment, or namespace such as xy-0146-dev", "input namespace: %v", err)
	}
	if in.Hours != "" {
		clock, err := hours.Parse(in.Hours)
		if err == nil {
			clock.Holidays, err = hours.ParseHolidays(in.Holidays)
		}
		if err != nil {
			bad.Errorf("mon-fri 08:00-18:00 Africa/Lagos", "inputs hours and holidays: %v", err)
		}
		s.clock = &clock
	}
	needsRole := in.Backend == "cloudformation" && slices.Contains([]string{"up", "run", "extend", "off-hours"}, in.Command)
	if needsRole && in.ScheduleRole == "" && !in.dry() {
		bad.Errorf("the ARN of a role that scheduler.amazonaws.com may assume; the README has its policy",
			"input schedule-role-arn: nothing given, so the environment would not end by itself")
	}
	if in.Command == "off-hours" && s.clock == nil {
		bad.Errorf("hours: mon-fri 08:00-18:00 Africa/Lagos", "input hours: nothing given")
	}
	if makes := in.Command == "up" || in.Command == "run"; makes && in.DBSnapshot != "none" && !in.builtIn() && !in.passesSnapshot() {
		bad.Errorf("template-parameters: SnapshotIdentifier="+snapshotMark,
			"input db-snapshot: %q given, but no template parameter takes it", in.DBSnapshot)
	}
	if err := in.Check(); err != nil {
		bad = append(bad, diag.From(err)...)
	}
	if in.Command == "run" {
		in.checkTests(&bad)
	}
	if len(bad) == 0 {
		in.pick(gh, &s, &bad)
	}
	return s, bad.Err()
}

// ofPull are the names of pull requests' environments.
var ofPull = regexp.MustCompile(`^pr[0-9]+$`)

func (in inputs) pick(gh action.GitHub, s *subject, bad *diag.List) {
	switch in.Command {
	case "list", "reap":
		return
	case "off-hours":
		s.env = s.base
		return
	}
	var err error
	s.head = headOf(gh)
	if in.Name != "" {
		if s.env, err = s.base.In(in.Name); err != nil {
			bad.Errorf("name: "+s.base.Near(in.Name), "input name: %q given, but only a-z and 0-9 are allowed, and not many", in.Name)
		} else if ofPull.MatchString(in.Name) {
			bad.Errorf("pr: "+in.Name[2:], "input name: %q is the name of a pull request's environment", in.Name)
		}
		return
	}
	s.pull = s.head.pull
	if in.Pull != nil {
		s.pull = *in.Pull
	}
	switch {
	case s.pull == 0:
		why := fmt.Sprintf("the event %q is not of a pull request", gh.EventName)
		if gh.Event["pull_request"] != nil {
			why = "the pull request of the event has no number that can be read"
		}
		bad.Errorf("pr: 12, or name: demo", "inputs pr and name: none given, and %s", why)
		return
	case s.head.pull > 0 && s.pull != s.head.pull:
		bad.Errorf("leave pr out", "input pr: %d given, but the event is of pull request %d, whose code this run may hold", s.pull, s.head.pull)
	}
	if s.env, err = s.base.PullRequest(s.pull); err != nil {
		bad.Errorf("the number of a pull request", "input pr: %v", err)
	}
}

// request is what the environment is to be.
func (in inputs) request(s subject, commit, snapshotID string, origin namespace.Origin) environment.Request {
	r := environment.Request{
		Pull: s.pull, Commit: commit, TTL: in.TTL, MaxEnvs: in.MaxEnvs, HoursShare: 1,
		Hourly: environment.FargateHourly(float64(in.CPU)/1024, float64(in.Memory)/1024),
		Tags:   s.env.Tags("", namespace.Origin{Operation: origin.Operation, Repository: origin.Repository}), Parameters: map[string]string{},
	}
	if in.Hourly != nil {
		r.Hourly = *in.Hourly
	}
	if in.MaxCost != nil {
		r.MaxCost = *in.MaxCost
	}
	if s.clock != nil {
		r.HoursShare = s.clock.Share()
	}
	fill := func(text string) string { return strings.ReplaceAll(s.replace(text), snapshotMark, snapshotID) }
	if in.builtIn() {
		for name, value := range map[string]string{
			"Namespace": s.env.String(), "Image": in.Image, "Cluster": in.Cluster, "Url": in.URL, "SnapshotIdentifier": snapshotID,
			"Cpu": strconv.Itoa(in.CPU), "Memory": strconv.Itoa(in.Memory),
			"Priority": strconv.Itoa(1000 + s.pull%40000),
		} {
			if value != "" {
				r.Parameters[name] = fill(value)
			}
		}
	}
	for _, pair := range in.Parameters {
		r.Parameters[pair.Key] = fill(pair.Value)
	}
	return r
}

func (s subject) replace(text string) string {
	return strings.NewReplacer(
		"${namespace}", s.env.String(), "${name}", s.env.Environment, "${number}", strconv.Itoa(s.pull),
	).Replace(text)
}
