package config

import (
	"os"
	"path/filepath"
	"testing"

	"go.yaml.in/yaml/v3"
)

// TestSettingsFeedInputsThatExist: a setting that feeds nothing would be
// ignored in silence.
func TestSettingsFeedInputsThatExist(t *testing.T) {
	files, err := filepath.Glob("../../actions/*/action.yml")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	inputs := map[string]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var meta struct{ Inputs map[string]any }
		if err := yaml.Unmarshal(text, &meta); err != nil {
			t.Fatal(file, err)
		}
		name := filepath.Base(filepath.Dir(file))
		inputs[name+".*"] = true
		for input := range meta.Inputs {
			inputs[name+"."+input], inputs["*."+input] = true, true
		}
	}
	for _, setting := range settings {
		for _, feed := range setting.feeds {
			if !inputs[feed] {
				t.Errorf("the setting %s feeds %s, which no action has", setting.name, feed)
			}
		}
		if len(setting.feeds) == 0 {
			t.Errorf("the setting %s feeds nothing", setting.name)
		}
	}
}
