package ephemeralenv

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/org/shipkit/internal/githubtest"
	"github.com/org/shipkit/internal/localaws"
	"github.com/org/shipkit/pkg/action/actiontest"
)

// plant is a directory of Terraform code in which the real program runs, with a
// local AWS that keeps what is known of it.
type plant struct {
	*world
	dir  string
	site string // what the code says serves
}

func newPlant(t *testing.T) *plant {
	t.Helper()
	if _, err := exec.LookPath("terraform"); err != nil {
		t.Fatalf("install terraform: %v", err)
	}
	server, err := localaws.Start(t.Context(), localaws.Options{NoData: true, Engine: localaws.Process})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	key, env := server.SessionEnv("action")
	for _, line := range env {
		name, value, _ := strings.Cut(line, "=")
		t.Setenv(name, value)
	}
	t.Setenv("CHECKPOINT_DISABLE", "1")
	site := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(site.Close)
	p := &plant{world: &world{Server: server, key: key, github: githubtest.New(t, repository)}, dir: t.TempDir(), site: site.URL}
	p.github.Pulls = []githubtest.Pull{{Number: 7, State: "open", SHA: sha}}
	code, err := os.ReadFile("testdata/terraform/main.tf")
	if err != nil {
		t.Fatal(err)
	}
	p.write(t, string(code))
	return p
}

func (p *plant) write(t *testing.T, code string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(p.dir, "main.tf"), []byte(code), 0o600); err != nil {
		t.Fatal(err)
	}
}

// with are the inputs of a release; command runs in the middle of its apply.
func (p *plant) with(release, command string) map[string]string {
	return map[string]string{
		"backend": "terraform", "terraform-dir": p.dir, "schedule-role-arn": "", "wait": "0s", "cluster": "",
		"template-parameters": fmt.Sprintf("url=%s\nrelease=%s\nthen=%s", p.site, release, command), "url": "",
	}
}

// end are the inputs of a command that knows nothing of the release.
func (p *plant) end(command string) map[string]string {
	with := p.with("", "")
	with["command"], with["template-parameters"], with["dry-run"] = command, "", "false"
	return with
}

// gone fails if anything is left of the environment.
func (p *plant) gone(t *testing.T) {
	t.Helper()
	if stacks, parameters, schedules := p.left(t); stacks+parameters+schedules != 0 {
		t.Errorf("left: %d stacks, %d parameters, %d schedules", stacks, parameters, schedules)
	}
	p.unmade(t)
}

// unmade fails if Terraform has left anything.
func (p *plant) unmade(t *testing.T) {
	t.Helper()
	for _, pattern := range []string{"env-*", "terraform.tfstate.d/*", "terraform.tfstate*"} {
		left, err := filepath.Glob(filepath.Join(p.dir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range left {
			if !strings.HasSuffix(file, "terraform.tfstate.d") {
				t.Errorf("left: %s", file)
			}
		}
	}
}

func (p *plant) made() bool {
	_, err := os.Stat(filepath.Join(p.dir, "env-xy-0146-pr7"))
	return err == nil
}

func TestTerraformLife(t *testing.T) {
	p := newPlant(t)
	with := p.with("r1", "true")
	with["configure"] = `cat "$SHIPKIT_INVENTORY" >> inventory.seen; grep -q '"release":"r' "$SHIPKIT_OUTPUTS"`
	up := p.step(t, with)
	if up.ExitCode != 0 || up.Outputs["state"] != "ready" || up.Outputs["changed"] != "true" || up.Outputs["url"] != p.site || !p.made() {
		t.Fatalf("up: %+v", up)
	}
	if !strings.Contains(up.Log, "# terraform_data.app will be created") || !strings.Contains(up.Log, "Plan: 2 to add") {
		t.Errorf("the plan is not shown:\n%s", up.Log)
	}
	if got := up.Outputs["outputs"]; !strings.Contains(got, `"release":"r1"`) || strings.Contains(got, "hunter22") {
		t.Errorf("outputs: %s", got)
	}
	const inventory = "[web]\nxy-0146-pr7.example.com\n"
	if seen, err := os.ReadFile(filepath.Join(p.dir, "inventory.seen")); err != nil || string(seen) != inventory {
		t.Errorf("configure saw the inventory %q, %v", seen, err)
	}

	same := p.step(t, with)
	if same.ExitCode != 0 || same.Outputs["changed"] != "false" || same.Outputs["outputs"] != up.Outputs["outputs"] || strings.Contains(same.Log, "terraform") {
		t.Errorf("second up: %+v", same)
	}
	maps.Copy(with, p.with("r2", "true"))
	changed := p.step(t, with)
	if changed.ExitCode != 0 || changed.Outputs["changed"] != "true" || !strings.Contains(changed.Outputs["outputs"], `"release":"r2"`) ||
		!strings.Contains(changed.Log, "Plan: 1 to add, 0 to change, 1 to destroy") {
		t.Errorf("changed up: %+v", changed)
	}
	down := p.step(t, p.end("down"))
	if down.ExitCode != 0 || down.Outputs["state"] != "ending" {
		t.Errorf("down: %+v", down)
	}
	p.gone(t)
	p.covers(t)
}

// Terraform's errors lead to their lines; what a failed first up has made goes,
// what a failed update has not changed stays.
func TestTerraformFails(t *testing.T) {
	good, err := os.ReadFile("testdata/terraform/main.tf")
	if err != nil {
		t.Fatal(err)
	}
	line := strings.Count(string(good[:strings.Index(string(good), "var.then")]), "\n")
	for name, test := range map[string]struct {
		code, command string
		want          []string
	}{
		"apply": {string(good), "echo the disk is full; exit 7", []string{fmt.Sprintf("main.tf,line=%d", line), "exit status 7", "the disk is full"}},
		"plan":  {strings.Replace(string(good), "var.then", "var.ten", 1), "true", []string{"main.tf,line=", "Reference to undeclared input variable"}},
		"init":  {string(good) + "\n}\n", "true", []string{"main.tf,line=", "Argument or block definition required"}},
		"input": {string(good), "true\nsize=3", []string{`"size"`}},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlant(t)
			p.write(t, test.code)
			first := p.step(t, p.with("r1", test.command))
			for _, want := range test.want {
				if first.ExitCode != 1 || !strings.Contains(first.Log, want) {
					t.Errorf("exit code %d, the log lacks %q:\n%s", first.ExitCode, want, first.Log)
				}
			}
			p.unmade(t)
			if list := p.step(t, p.end("list")); !strings.Contains(list.Summary, "No environments") {
				t.Errorf("list: %+v", list)
			}

			p.write(t, string(good))
			if up := p.step(t, p.with("r1", "true")); up.ExitCode != 0 {
				t.Fatalf("up: %+v", up)
			}
			p.write(t, test.code)
			if update := p.step(t, p.with("r2", test.command)); update.ExitCode != 1 || !p.made() {
				t.Errorf("failed update, made: %t, %+v", p.made(), update)
			}
			p.write(t, string(good))
			if down := p.step(t, p.end("down")); down.ExitCode != 0 {
				t.Errorf("down: %+v", down)
			}
			p.gone(t)
		})
	}
}

// gate lets a test be in the middle of an apply: the command that it gives
// tells that it runs, and ends when the gate is opened.
type gate struct{ reached, open string }

func newGate(t *testing.T) gate {
	t.Helper()
	g := gate{filepath.Join(t.TempDir(), "reached"), filepath.Join(t.TempDir(), "open")}
	for _, pipe := range []string{g.reached, g.open} {
		if err := syscall.Mkfifo(pipe, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return g
}

func (g gate) command() string { return fmt.Sprintf("echo > %s; read x < %s", g.reached, g.open) }

// await returns once the command runs.
func (g gate) await(t *testing.T) {
	t.Helper()
	if _, err := os.ReadFile(g.reached); err != nil {
		t.Fatal(err)
	}
}

func (g gate) release(t *testing.T) {
	t.Helper()
	if err := os.WriteFile(g.open, []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

// process begins a step as a process group of its own.
func (w *world) process(t *testing.T, with map[string]string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	w.run++
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), asAction+"=1", "GITHUB_ACTIONS=true", "GITHUB_REPOSITORY="+repository,
		"GITHUB_RUN_ID="+strings.Repeat("1", w.run), "GITHUB_JOB=environment", "INPUT_NAMESPACE=xy-0146-dev", "INPUT_PR=7",
		"INPUT_GITHUB-TOKEN=token", "GITHUB_API_URL="+w.github.URL, "GITHUB_SERVER_URL=https://github.com", "TMPDIR="+t.TempDir())
	for name, value := range with {
		cmd.Env = append(cmd.Env, "INPUT_"+strings.ToUpper(name)+"="+value)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd
}

// expireLease ends the lease of a run that was killed, as its three minutes do.
func (w *world) expireLease(t *testing.T) {
	t.Helper()
	client := ssm.NewFromConfig(w.Config())
	locks, err := client.GetParametersByPath(t.Context(), &ssm.GetParametersByPathInput{Path: new("/xy-0146-pr7/env/operation/lock")})
	if err != nil || len(locks.Parameters) == 0 {
		t.Fatalf("%d locks, %v", len(locks.Parameters), err)
	}
	for _, lock := range locks.Parameters {
		var lease map[string]any
		if err := json.Unmarshal([]byte(*lock.Value), &lease); err != nil {
			t.Fatal(err)
		}
		lease["expires"] = "2000-01-01T00:00:00Z"
		text, err := json.Marshal(lease)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client.PutParameter(t.Context(), &ssm.PutParameterInput{Name: lock.Name, Value: new(string(text)), Overwrite: new(true)}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTerraformStateIsLocked(t *testing.T) {
	p, g := newPlant(t), newGate(t)
	if up := p.step(t, p.with("r1", "true")); up.ExitCode != 0 {
		t.Fatalf("up: %+v", up)
	}
	// Somebody applies by hand, in a workspace of the same state.
	other := exec.CommandContext(t.Context(), "terraform", "apply", "-auto-approve", "-var=url="+p.site, "-var=release=hand", "-var=then="+g.command())
	other.Dir = p.dir
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	g.await(t)
	up := p.step(t, p.with("r2", "true"))
	down := p.step(t, p.end("down"))
	for name, got := range map[string]actiontest.Result{"up": up, "down": down} {
		for _, want := range []string{"is locked by ", "@", "for OperationTypeApply since 20", "Try: wait for that run", "terraform force-unlock "} {
			if got.ExitCode != 1 || !strings.Contains(got.Log, want) {
				t.Errorf("%s: exit code %d, the log lacks %q:\n%s", name, got.ExitCode, want, got.Log)
			}
		}
	}
	if !p.made() {
		t.Error("a locked state was taken away")
	}
	g.release(t)
	if err := other.Wait(); err != nil {
		t.Error(err)
	}
	if down := p.step(t, p.end("down")); down.ExitCode != 0 {
		t.Errorf("down: %+v", down)
	}
	p.gone(t)
}

// The runner dies in the middle of an apply. Whoever comes next finishes the
// environment or removes it.
func TestTerraformIsKilled(t *testing.T) {
	tests := map[string]func(t *testing.T, p *plant) (made bool){
		"up": func(t *testing.T, p *plant) bool {
			if up := p.step(t, p.with("r1", "true")); up.ExitCode != 0 || up.Outputs["state"] != "ready" {
				t.Errorf("up: %+v", up)
			}
			return true
		},
		"down": func(t *testing.T, p *plant) bool {
			if down := p.step(t, p.end("down")); down.ExitCode != 0 {
				t.Errorf("down: %+v", down)
			}
			return false
		},
		"reap": func(t *testing.T, p *plant) bool {
			p.github.Pulls[0].State = "closed"
			if reap := p.step(t, p.end("reap")); reap.ExitCode != 0 || reap.Outputs["reaped"] != "xy-0146-pr7" {
				t.Errorf("reap: %+v", reap)
			}
			return false
		},
	}
	for name, next := range tests {
		t.Run(name, func(t *testing.T) {
			p, g := newPlant(t), newGate(t)
			victim := p.process(t, p.with("r1", g.command()))
			g.await(t)
			if err := syscall.Kill(-victim.Process.Pid, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			if err := victim.Wait(); err == nil {
				t.Fatal("it was not killed")
			}
			p.expireLease(t)
			if made := next(t, p); made != p.made() {
				t.Errorf("made: %t", p.made())
			}
			if down := p.step(t, p.end("down")); down.ExitCode != 0 {
				t.Errorf("down: %+v", down)
			}
			p.gone(t)
		})
	}
}

// Where only OpenTofu is, it is called.
func TestTofuIsFound(t *testing.T) {
	p := newPlant(t)
	terraform, err := exec.LookPath("terraform")
	if err != nil {
		t.Fatal(err)
	}
	bin, seen := t.TempDir(), filepath.Join(t.TempDir(), "seen")
	for _, name := range []string{"sh", "rm"} {
		path, err := exec.LookPath(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(path, filepath.Join(bin, name)); err != nil {
			t.Fatal(err)
		}
	}
	script := fmt.Sprintf("#!/bin/sh\necho \"$1\" >> %s\nexec %s \"$@\"\n", seen, terraform)
	if err := os.WriteFile(filepath.Join(bin, "tofu"), []byte(script), 0o700); err != nil { //nolint:gosec // it is run
		t.Fatal(err)
	}
	t.Setenv("PATH", bin)
	for _, with := range []map[string]string{p.with("r1", "true"), p.end("down")} {
		if got := p.step(t, with); got.ExitCode != 0 || got.Outputs["changed"] != "true" {
			t.Errorf("%s: %+v", with["command"], got)
		}
	}
	if calls, err := os.ReadFile(seen); err != nil || !strings.Contains(string(calls), "plan") {
		t.Errorf("tofu was called for %q, %v", calls, err)
	}
	p.gone(t)
}
