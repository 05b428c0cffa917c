package taskdef

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// keyedLists are the lists whose entries have an identity: their order means
// nothing, and a reader wants to know which entry changed.
var keyedLists = map[string]string{
	"environment": "name", "secrets": "name", "volumes": "name", "tags": "key", "ulimits": "name",
	"mountPoints": "containerPath", "dependsOn": "containerName", "systemControls": "namespace",
	"resourceRequirements": "type", "extraHosts": "hostname", "environmentFiles": "value", "volumesFrom": "sourceContainer",
}

// defaults are what ECS puts where nothing is set, by the last two steps of
// the path. It reports them in DescribeTaskDefinition.
var defaults = map[string]string{
	"essential": "true", "networkMode": "bridge", "versionConsistency": "enabled",
	"healthCheck.interval": "30", "healthCheck.timeout": "5", "healthCheck.retries": "3",
	"runtimePlatform.cpuArchitecture": "X86_64", "runtimePlatform.operatingSystemFamily": "LINUX",
}

// zeroIsUnset are the numbers that ECS reports as 0 where nothing is set.
var zeroIsUnset = []string{"cpu", "memory", "memoryReservation", "startPeriod", "hostPort", "startTimeout", "stopTimeout"}

// flatten returns the leaves of the canonical form, in a stable order.
func flatten(d *Document) []entry {
	if d == nil {
		return nil
	}
	f := flattener{network: d.text("networkMode")}
	for _, c := range d.containers() {
		f.container, _ = c["name"].(string)
		for _, key := range sortedKeys(c) {
			if key != "name" {
				f.member(key, c[key])
			}
		}
		if len(f.out) == 0 || f.out[len(f.out)-1].container != f.container {
			f.add("container", "", "with nothing set")
		}
	}
	f.container = ""
	for _, key := range sortedKeys(d.fields) {
		if key != "containerDefinitions" && key != "family" {
			f.member(key, d.fields[key])
		}
	}
	return f.out
}

type flattener struct {
	container, network string
	out                []entry
}

// add appends a leaf. A name that occurs twice counts up, so that every leaf
// has an identity.
func (f *flattener) add(field, name, value string) {
	e := entry{container: f.container, field: field, name: name, value: value, hidden: field == "environment"}
	for i := 2; ; i++ {
		if _, taken := find(f.out, e); !taken {
			break
		}
		e.name = fmt.Sprintf("%s (%d)", name, i)
	}
	f.out = append(f.out, e)
}

func (f *flattener) member(path string, value any) {
	switch v := value.(type) {
	case []any:
		f.list(path, v)
	case map[string]any:
		for _, key := range sortedKeys(v) {
			f.member(path+"."+key, v[key])
		}
	default:
		if text := f.scalar(path, v); text != "" {
			f.add(path, "", text)
		}
	}
}

func (f *flattener) list(path string, items []any) {
	switch {
	case path == "portMappings":
		for _, item := range items {
			f.port(item)
		}
	case keyedLists[path] != "":
		for _, item := range items {
			f.named(path, item)
		}
	case path == "requiresCompatibilities":
		words := make([]string, 0, len(items))
		for _, item := range items {
			words = append(words, fmt.Sprint(item))
		}
		slices.Sort(words)
		if len(words) > 0 {
			f.add(path, "", strings.Join(words, ", "))
		}
	case len(items) > 0:
		f.add(path, "", compact(items))
	}
}

// named adds an entry of a keyed list: its one other member as it stands, or
// all members as JSON.
func (f *flattener) named(path string, item any) {
	fields, _ := item.(map[string]any)
	key := keyedLists[path]
	name, _ := fields[key].(string)
	rest := map[string]any{}
	for k, v := range fields {
		if k != key && f.scalar(path+"."+k, v) != "" {
			rest[k] = v
		}
	}
	value, ok := rest["value"].(string)
	if from, secret := rest["valueFrom"].(string); secret {
		value, ok = from, true
	}
	if !ok || len(rest) > 1 {
		value = compact(rest)
	}
	if len(rest) == 0 {
		value = ""
	}
	f.add(path, name, value)
}

// port names a mapping by its container port and protocol. Outside of bridge
// networks the host port can only repeat the container port.
func (f *flattener) port(item any) {
	fields, _ := item.(map[string]any)
	protocol, _ := fields["protocol"].(string)
	if protocol == "" {
		protocol = "tcp"
	}
	port := fmt.Sprint(fields["containerPort"])
	if fields["containerPort"] == nil {
		port = fmt.Sprint(fields["containerPortRange"])
	}
	rest := map[string]any{}
	for k, v := range fields {
		same := k == "hostPort" && (fmt.Sprint(v) == "0" || f.network != "bridge" && f.network != "" && fmt.Sprint(v) == port)
		if !slices.Contains([]string{"containerPort", "containerPortRange", "protocol"}, k) && !same && !isEmpty(v) {
			rest[k] = v
		}
	}
	value := ""
	if len(rest) > 0 {
		value = compact(rest)
	}
	f.add("portMappings", port+"/"+protocol, value)
}

// scalar returns the comparable text of a value, "" for what ECS treats as
// not set.
func (f *flattener) scalar(path string, value any) string {
	last := path[strings.LastIndex(path, ".")+1:]
	var text string
	switch v := value.(type) {
	case nil:
		return ""
	case string:
		text = v
		if last == "cpu" || last == "memory" {
			text = units(v)
		}
	case bool:
		if !v && last != "essential" {
			return ""
		}
		text = strconv.FormatBool(v)
	case json.Number:
		text = v.String()
		if text == "0" && slices.Contains(zeroIsUnset, last) {
			return ""
		}
	default:
		if isEmpty(v) {
			return ""
		}
		text = compact(v)
	}
	if defaults[path] == text {
		return ""
	}
	return text
}

// units turns "1 vCPU" into 1024 and "2 GB" into 2048, as ECS does.
func units(text string) string {
	number, unit, ok := strings.Cut(strings.ToLower(strings.TrimSpace(text)), " ")
	if !ok {
		for _, suffix := range []string{"vcpu", "gb"} {
			if n, found := strings.CutSuffix(number, suffix); found {
				number, unit, ok = n, suffix, true
			}
		}
	}
	value, err := strconv.ParseFloat(number, 64)
	if !ok || err != nil || (unit != "vcpu" && unit != "gb") {
		return text
	}
	return strconv.FormatFloat(value*1024, 'f', -1, 64)
}

// compact encodes a value in one line; map keys come sorted.
func compact(value any) string {
	body, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return string(body)
}
