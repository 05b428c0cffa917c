package promotesnapshot

import (
	"cmp"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/org/shipkit/pkg/action"
	"github.com/org/shipkit/pkg/diag"
	"github.com/org/shipkit/pkg/namespace"
	"github.com/org/shipkit/pkg/snapshot"
	"github.com/org/shipkit/pkg/snapshot/rollout"
)

// inputs are those of action.yml.
type inputs struct {
	Mode            string `input:"mode" oneof:"plan,run,resume,abort,status,undo,retire,orphans"`
	Environment     string `input:"environment"`
	Config          string `input:"config"`
	Namespace       string `input:"namespace"`
	Region          string `input:"aws-region"`
	ExpectedAccount string `input:"expected-account-id"`
	Detach          bool   `input:"detach"`
	RemoveOrphans   bool   `input:"remove-orphans"`
	DryRun          bool   `input:"dry-run"`

	sourceInputs
	databaseInputs
	serviceInputs
	taskInputs
}

// sourceInputs say what is promoted.
type sourceInputs struct {
	From          string `input:"from"`
	Database      string `input:"source-database"`
	Snapshot      string `input:"snapshot"`
	Kind          string `input:"engine-kind" oneof:"instance,cluster"`
	DataAuthority string `input:"data-authority" oneof:"source"`
	AllowOlder    bool   `input:"allow-older"`
	SourceRegion  string `input:"source-region"`
	SourceRole    string `input:"source-role-arn"`
	SourceKey     string `input:"source-kms-key-id"`
	Key           string `input:"kms-key-id"`
}

// databaseInputs say what the new database is like.
type databaseInputs struct {
	Template       action.File       `input:"template"`
	Parameters     []action.KeyValue `input:"template-parameters"`
	SubnetGroup    string            `input:"subnet-group"`
	SecurityGroups []string          `input:"security-groups" sep:","`
	ParameterGroup string            `input:"parameter-group"`
	Class          string            `input:"instance-class"`
	MultiAZ        *bool             `input:"multi-az"`
	BackupDays     *int              `input:"backup-retention-days" min:"0" max:"35"`
	StackRole      string            `input:"stack-role-arn"`
	Retention      time.Duration     `input:"old-retention" min:"0s" max:"8760h"`
	Quota          *int              `input:"snapshot-quota" min:"0"`
	Prices         []action.KeyValue `input:"prices"`
}

// serviceInputs say who uses it.
type serviceInputs struct {
	Cluster    string            `input:"cluster"`
	Services   []string          `input:"services" sep:","`
	Containers []string          `input:"container-name" sep:","`
	Bind       []action.KeyValue `input:"bind"`
	Minutes    int               `input:"wait-for-minutes" min:"1" max:"1440"`
}

// taskInputs say what is run against it before any traffic.
type taskInputs struct {
	MaskTask      string      `input:"mask-task"`
	MaskCluster   string      `input:"mask-cluster"`
	MaskSubnets   []string    `input:"mask-subnets" sep:","`
	MaskGroups    []string    `input:"mask-security-groups" sep:","`
	MaskSQL       action.File `input:"mask-sql"`
	MaskCommand   string      `input:"mask-command"`
	MigrateTask   string      `input:"migrate-task"`
	VerifyTask    string      `input:"verify-task"`
	VerifyCommand string      `input:"verify-command"`
	VerifySQL     action.File `input:"verify-sql"`
	WarmUpSQL     action.File `input:"warm-up-sql"`
	User          string      `input:"database-user"`
	Password      string      `input:"database-password" secret:"true"`
	Authorities   action.File `input:"database-ca"`
}

// starts tells whether the mode begins a promotion.
func (in inputs) starts() bool { return in.Mode == "run" || in.Mode == "plan" }

// names reads the two namespaces. The source's is the target's if it does not
// matter.
func (in inputs) names() (source, target namespace.Namespace, err error) {
	var bad diag.List
	if target, err = in.target(); err != nil {
		bad.Add(diag.From(err)...)
	}
	source = target
	if in.From != "" && err == nil {
		if source, err = namespace.Parse(in.From); err != nil {
			source, err = target.In(in.From)
		}
		if err != nil {
			bad.Errorf("name an environment such as dev, or a namespace such as xy-0146-dev", "input from: %q given: %s", in.From, diag.From(err)[0].Summary)
		}
	}
	in.checkSource(&bad)
	in.checkServices(&bad)
	in.checkTasks(&bad)
	return source, target, bad.Err()
}

// target is what the settings file says of the environment, or the workflow.
func (in inputs) target() (namespace.Namespace, error) {
	if in.Namespace == "" {
		return namespace.Namespace{}, &diag.Diagnostic{
			Summary: "inputs environment and namespace: none given, one is needed",
			Try:     "environment: staging, if .shipkit.yml has it; or namespace: xy-0146-staging",
		}
	}
	target, err := namespace.Parse(in.Namespace)
	if err != nil {
		return target, named("namespace", diag.From(err))
	}
	if in.Environment != "" && in.Environment != target.Environment {
		return target, &diag.Diagnostic{
			Summary: fmt.Sprintf("inputs environment and namespace: the environment is %s, but %s is another's namespace", in.Environment, in.Namespace),
			Try:     "leave namespace out: the settings file knows it",
		}
	}
	return target, nil
}

func (in inputs) checkSource(bad *diag.List) {
	if !in.starts() {
		return
	}
	if in.From == "" && in.Database == "" && in.Snapshot == "" {
		bad.Errorf("from: dev", "inputs from, source-database and snapshot: none given, one is needed")
	}
	if in.Database != "" && in.Snapshot != "" {
		bad.Errorf("leave one out", "inputs source-database and snapshot: both given, they exclude each other")
	}
	if in.Mode == "run" && !in.DryRun && in.DataAuthority != "source" {
		bad.Errorf("data-authority: source, if that is what you want",
			"input data-authority: nothing given, but a promotion discards what was written to %s since", cmp.Or(in.Namespace, "the target"))
	}
}

func (in inputs) checkServices(bad *diag.List) {
	if len(in.Services) > 0 && in.Cluster == "" {
		bad.Errorf("name the cluster of the services", "input cluster: nothing given, but services are")
	}
	for _, binding := range in.Bind {
		switch binding.Value {
		case "endpoint", "port", "name", "kind":
		default:
			bad.Errorf("DATABASE_HOST=endpoint", "input bind: %s=%s given, facts are endpoint, port, name and kind", binding.Key, binding.Value)
		}
	}
	checkGroups(bad, "security-groups", in.SecurityGroups)
}

// checkTasks looks for what tasks need to be run. What is not masked must not
// leave the source's account and region, and so the mask runs there.
func (in inputs) checkTasks(bad *diag.List) {
	elsewhere := in.SourceRole+in.SourceRegion != ""
	switch {
	case in.MaskTask != "" && elsewhere && in.MaskCluster == "":
		bad.Errorf("mask-cluster: an ECS cluster of the source's account and region, with the task definition there too",
			"input mask-cluster: nothing given, but mask-task is, and it runs where the source is")
	case in.MaskTask != "" && in.MaskCluster == "" && in.Cluster == "", in.MigrateTask+in.VerifyTask != "" && in.Cluster == "":
		bad.Errorf("name the cluster that tasks run in", "input cluster: nothing given, but a task is")
	}
	if in.MaskTask == "" && (in.MaskCluster != "" || len(in.MaskSubnets)+len(in.MaskGroups) > 0) {
		bad.Errorf("mask-task: the task definition that masks, or leave them out",
			"input mask-task: nothing given, but mask-cluster, mask-subnets or mask-security-groups is")
	}
	if len(in.MaskGroups) > 0 && len(in.MaskSubnets) == 0 {
		bad.Errorf("mask-subnets: subnet-0123456789abcdef0", "input mask-subnets: nothing given, but mask-security-groups is")
	}
	checkGroups(bad, "mask-security-groups", in.MaskGroups)
	if len(in.masks()) > 1 {
		bad.Errorf("leave all but one out", "inputs %s: they exclude each other", strings.Join(in.masks(), ", "))
	}
}

func checkGroups(bad *diag.List, input string, groups []string) {
	for _, group := range groups {
		if !strings.HasPrefix(group, "sg-") {
			bad.Errorf("sg-0123456789abcdef0", "input %s: %q given, allowed are IDs of security groups", input, group)
		}
	}
}

// masks are the inputs that are given to mask with.
func (in inputs) masks() (names []string) {
	for _, mask := range []struct{ name, value string }{
		{"mask-task", in.MaskTask}, {"mask-sql", string(in.MaskSQL)}, {"mask-command", in.MaskCommand},
	} {
		if mask.value != "" {
			names = append(names, mask.name)
		}
	}
	return names
}

// sqlFiles are the inputs that hold SQL.
func (in inputs) sqlFiles() (names []string) {
	if in.MaskSQL != "" {
		names = append(names, "mask-sql")
	}
	if in.VerifySQL != "" {
		names = append(names, "verify-sql")
	}
	if in.WarmUpSQL != "" {
		names = append(names, "warm-up-sql")
	}
	return names
}

func (in inputs) bindings() []rollout.Binding {
	bindings := make([]rollout.Binding, 0, len(in.Bind))
	for _, b := range in.Bind {
		bindings = append(bindings, rollout.Binding{Variable: b.Key, Fact: b.Value})
	}
	return bindings
}

// prices reads the user's prices over the list's.
func (in inputs) prices() (snapshot.Prices, error) {
	own := snapshot.Prices{}
	var bad diag.List
	for _, pair := range in.Prices {
		price, err := strconv.ParseFloat(pair.Value, 64)
		if err != nil || price < 0 {
			bad.Errorf("db.t4g.medium=0.069", "input prices: %s=%s given, allowed is a price in US dollars", pair.Key, pair.Value)
		}
		own[pair.Key] = price
	}
	return snapshot.ListPrices().With(own), bad.Err()
}

// templateParameters are the user's, over those that have an input of their
// own.
func (in inputs) templateParameters() map[string]string {
	parameters := map[string]string{}
	for name, value := range map[string]string{
		"SubnetGroup": in.SubnetGroup, "SecurityGroups": strings.Join(in.SecurityGroups, ","),
		"ParameterGroup": in.ParameterGroup, "InstanceClass": in.Class, "KmsKeyId": in.Key,
	} {
		if value != "" {
			parameters[name] = value
		}
	}
	if in.MultiAZ != nil {
		parameters["MultiAZ"] = strconv.FormatBool(*in.MultiAZ)
	}
	if in.BackupDays != nil {
		parameters["BackupRetentionDays"] = strconv.Itoa(*in.BackupDays)
	}
	for _, pair := range in.Parameters {
		parameters[pair.Key] = pair.Value
	}
	return parameters
}

func readFile(file action.File) (string, error) {
	if file == "" {
		return "", nil
	}
	text, err := os.ReadFile(string(file))
	if err != nil {
		return "", fmt.Errorf("read %s: %w", file, err)
	}
	return string(text), nil
}
