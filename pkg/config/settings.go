package config

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// kind is the type of a setting's value.
type kind string

const (
	text     kind = "text"
	number   kind = "whole number"
	list     kind = "list"
	pairs    kind = "map"
	duration kind = "duration"
	address  kind = "URL"
)

// setting is a word that an environment may set.
type setting struct {
	name  string
	kind  kind
	about string
	// secret values are not shown.
	secret bool
	// allowed restricts a text to these words.
	allowed []string
	// pattern restricts a text, in words for the error.
	pattern      *regexp.Regexp
	patternWords string
	// feeds lists the inputs that take the value, as action.input; * is any
	// action.
	feeds []string
}

var (
	accountPattern = regexp.MustCompile(`^[0-9]{12}$`)
	regionPattern  = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-[0-9]$`)
)

// settings are all words of an environment, in the order of a delivery.
var settings = []setting{
	{name: "region", kind: text, about: "AWS region", pattern: regionPattern, patternWords: "a region such as eu-west-1",
		feeds: []string{"*.aws-region"}},
	{name: "account", kind: text, about: "AWS account ID; a deployment to any other is refused",
		pattern: accountPattern, patternWords: "12 digits in quotes", feeds: []string{"*.expected-account-id"}},
	{name: "image", kind: text, about: "Repository that images are pushed to, without a tag", feeds: []string{"build-image.image"}},
	{name: "cluster", kind: text, about: "ECS cluster", feeds: []string{"deploy-ecs.cluster", "promote-snapshot.cluster", "ephemeral-env.cluster"}},
	{name: "services", kind: list, about: "ECS services, which get one revision together",
		feeds: []string{"deploy-ecs.services", "promote-snapshot.services"}},
	{name: "task-definition", kind: text, about: "Task definition: a file, a family or an ARN",
		feeds: []string{"deploy-ecs.task-definition"}},
	{name: "url", kind: address, about: "Base URL of the environment", feeds: []string{"smoke-test.url"}},
	{name: "smoke-checks", kind: text, about: "File of smoke checks", feeds: []string{"smoke-test.checks"}},
	{name: "version-path", kind: text, about: "jq path to the version in the answer of url", feeds: []string{"smoke-test.version-path"}},
	{name: "min-instances", kind: number, about: "Fewest tasks", feeds: []string{"deploy-ecs.min-capacity"}},
	{name: "max-instances", kind: number, about: "Most tasks", feeds: []string{"deploy-ecs.max-capacity"}},
	{name: "target-cpu", kind: number, about: "CPU utilisation in percent that scaling aims at", feeds: []string{"deploy-ecs.target-cpu"}},
	{name: "target-memory", kind: number, about: "Memory utilisation in percent that scaling aims at", feeds: []string{"deploy-ecs.target-memory"}},
	{name: "strategy", kind: text, about: "How a new revision takes over",
		allowed: []string{"rolling", "blue-green", "canary", "linear"}, feeds: []string{"deploy-ecs.strategy"}},
	{name: "canary-percent", kind: number, about: "Share of traffic of a canary", feeds: []string{"deploy-ecs.canary-percent"}},
	{name: "bake-minutes", kind: number, about: "Minutes that the old revision stays after the shift", feeds: []string{"deploy-ecs.bake-minutes"}},
	{name: "promote-from", kind: text, about: "Environment whose database is promoted into this one",
		feeds: []string{"promote-snapshot.from"}},
	{name: "retention", kind: duration, about: "How long a replaced database is kept for an undo",
		feeds: []string{"promote-snapshot.old-retention"}},
	{name: "hours", kind: text, about: "When it runs, such as mon-fri 08:00-18:00 Africa/Lagos", feeds: []string{"ephemeral-env.hours"}},
	{name: "ttl", kind: duration, about: "How long a pull request's environment lives", feeds: []string{"ephemeral-env.ttl"}},
	{name: "max-envs", kind: number, about: "Most pull request environments at once", feeds: []string{"ephemeral-env.max-envs"}},
	{name: "notify", kind: pairs, secret: true, about: "Whom to tell: inputs of the action notify by name",
		feeds: append([]string{"notify.*"}, told("ephemeral-env")...)},
}

// told are the inputs of an action that tells, besides its own work.
func told(action string) []string {
	inputs := []string{
		"level", "slack-webhook", "teams-webhook", "webhook-url", "webhook-secret", "email-to", "email-from",
		"smtp-host", "smtp-port", "smtp-tls", "smtp-username", "smtp-password",
	}
	for i := range inputs {
		inputs[i] = action + "." + inputs[i]
	}
	return inputs
}

func settingNames() []string {
	names := []string{"inherits", "inputs"}
	for _, s := range settings {
		names = append(names, s.name)
	}
	return names
}

func lookup(name string) (setting, bool) {
	i := slices.IndexFunc(settings, func(s setting) bool { return s.name == name })
	if i < 0 {
		return setting{}, false
	}
	return settings[i], true
}

// complaint says what is wrong with a value, "" if nothing is.
func (s setting) complaint(value string) string {
	switch {
	case value == "":
		return "it must not be empty"
	case len(s.allowed) > 0 && !slices.Contains(s.allowed, value):
		return "allowed are " + strings.Join(s.allowed, ", ")
	case s.pattern != nil && !s.pattern.MatchString(value):
		return "allowed is " + s.patternWords
	case s.kind == number:
		if n, err := strconv.Atoi(value); err != nil || n < 0 {
			return "allowed is a whole number, 0 or more"
		}
	case s.kind == duration:
		if d, err := time.ParseDuration(value); err != nil || d < 0 {
			return "allowed is a duration such as 90s, 5m or 72h"
		}
	case s.kind == address:
		if !strings.HasPrefix(value, "https://") && !strings.HasPrefix(value, "http://") {
			return "allowed is an http or https URL"
		}
	}
	return ""
}
