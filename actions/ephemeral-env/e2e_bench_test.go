package ephemeralenv

import (
	"testing"

	"github.com/org/shipkit/internal/githubtest"
	"github.com/org/shipkit/internal/localaws"
)

// BenchmarkUp makes an environment of an image that is in the registry, up to
// its first answer over HTTP, with a real container behind a real proxy.
func BenchmarkUp(b *testing.B) {
	w := startWith(b, localaws.Options{Factor: 20, NoData: true, Engine: localaws.Docker})
	w.github.Pulls = []githubtest.Pull{{Number: 7, State: "open", SHA: sha}}
	for b.Loop() {
		if up := w.step(b, map[string]string{"image": w.images["v1"]}); up.ExitCode != 0 || up.Outputs["changed"] != "true" {
			b.Fatalf("up: %+v", up)
		}
		b.StopTimer()
		if down := w.step(b, map[string]string{"command": "down"}); down.ExitCode != 0 {
			b.Fatalf("down: %+v", down)
		}
		b.StartTimer()
	}
}

// BenchmarkUpWithoutAChange finds that everything is there.
func BenchmarkUpWithoutAChange(b *testing.B) {
	w := startWith(b, localaws.Options{Factor: 20, NoData: true, Engine: localaws.Docker})
	w.github.Pulls = []githubtest.Pull{{Number: 7, State: "open", SHA: sha}}
	with := map[string]string{"image": w.images["v1"]}
	if up := w.step(b, with); up.ExitCode != 0 {
		b.Fatalf("up: %+v", up)
	}
	for b.Loop() {
		if same := w.step(b, with); same.ExitCode != 0 || same.Outputs["changed"] != "false" {
			b.Fatalf("up: %+v", same)
		}
	}
	b.StopTimer()
	if down := w.step(b, map[string]string{"command": "down"}); down.ExitCode != 0 {
		b.Fatalf("down: %+v", down)
	}
}
