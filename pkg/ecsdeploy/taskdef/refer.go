package taskdef

// Secret is a variable whose value ECS reads when it starts a task.
type Secret struct {
	Container, Name string
	// From is the ARN or name of an SSM parameter or a Secrets Manager secret.
	From string
}

// Secrets returns what the containers refer to, in order.
func (d *Document) Secrets() []Secret {
	var out []Secret
	for _, c := range d.containers() {
		container, _ := c["name"].(string)
		list, _ := c["secrets"].([]any)
		for _, item := range list {
			fields, _ := item.(map[string]any)
			name, _ := fields["name"].(string)
			from, _ := fields["valueFrom"].(string)
			out = append(out, Secret{Container: container, Name: name, From: from})
		}
	}
	return out
}

// LogOptions returns the log driver of a container and its options.
func (d *Document) LogOptions(container string) (driver string, options map[string]string) {
	config, _ := d.container(container)["logConfiguration"].(map[string]any)
	driver, _ = config["logDriver"].(string)
	raw, _ := config["options"].(map[string]any)
	options = map[string]string{}
	for key, value := range raw {
		if text, ok := value.(string); ok {
			options[key] = text
		}
	}
	return driver, options
}

// Essential tells whether the end of a container ends its task.
func (d *Document) Essential(container string) bool {
	essential, set := d.container(container)["essential"].(bool)
	return essential || !set
}
