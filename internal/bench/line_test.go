package bench

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/org/shipkit/internal/registrytest"
)

// line is a registry in one network namespace and its clients in another, with
// a shaped link between them.
type line struct {
	b                *testing.B
	client, registry string
}

const (
	clientIP    = "10.213.7.1"
	registryIP  = "10.213.7.2"
	controlPort = ":4999"
	// registries is how many there are, one for each scenario: docker and
	// skopeo remember which registry has a layer and mount it from there.
	registries = 8
)

// host returns the address of a scenario's registry.
func host(n int) string { return fmt.Sprintf("%s:%d", registryIP, 5000+n) }

// newLine makes the namespaces and starts the registry. Everything goes when
// the benchmark ends.
func newLine(b *testing.B) *line {
	b.Helper()
	if os.Getuid() != 0 {
		b.Fatal("this benchmark makes network namespaces: run it as root")
	}
	id := strconv.Itoa(os.Getpid())
	l := &line{b: b, client: "sk-client-" + id, registry: "sk-registry-" + id}
	for _, ns := range []string{l.client, l.registry} {
		run(b, "ip", "netns", "add", ns)
		b.Cleanup(func() { run(b, "ip", "netns", "delete", ns) })
		l.in(ns, "ip", "link", "set", "lo", "up")
	}
	run(b, "ip", "link", "add", "c"+id, "netns", l.client, "type", "veth", "peer", "name", "r"+id, "netns", l.registry)
	for _, end := range []struct{ ns, dev, ip string }{{l.client, "c" + id, clientIP}, {l.registry, "r" + id, registryIP}} {
		l.in(end.ns, "ip", "link", "set", end.dev, "name", "line")
		// One packet at a time: a lost one is then one that a real line loses.
		l.in(end.ns, "ip", "link", "set", "line", "gso_max_segs", "1", "up")
		l.in(end.ns, "ip", "address", "add", end.ip+"/24", "dev", "line")
	}
	l.serve()
	return l
}

// shape limits the line to a rate both ways and loses a share of the packets.
// An empty rate makes it fast again.
func (l *line) shape(rate string, loss float64) {
	l.b.Helper()
	for _, ns := range []string{l.client, l.registry} {
		_ = exec.Command("ip", "netns", "exec", ns, "tc", "qdisc", "delete", "dev", "line", "root").Run()
		l.in(ns, "iptables", "-F", "INPUT")
		if rate == "" {
			continue
		}
		l.in(ns, "tc", "qdisc", "add", "dev", "line", "root", "tbf", "rate", rate, "burst", "32kb", "latency", "200ms")
		l.in(ns, "iptables", "-A", "INPUT", "-i", "line", "-m", "statistic", "--mode", "random",
			"--probability", fmt.Sprint(loss), "-j", "DROP")
	}
}

// drop makes the registry's end reset every connection after n bytes; 0 stops.
func (l *line) drop(n int64) {
	l.b.Helper()
	l.in(l.client, "curl", "--silent", "--fail", "--output", "/dev/null", fmt.Sprintf("http://%s%s/cut?after=%d", registryIP, controlPort, n))
}

// bytes returns what crossed the line so far, both ways, TCP headers and
// repeated packets included.
func (l *line) bytes() int64 {
	l.b.Helper()
	var n int64
	for _, counter := range []string{"tx_bytes", "rx_bytes"} {
		text := l.in(l.client, "cat", "/sys/class/net/line/statistics/"+counter)
		value, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
		if err != nil {
			l.b.Fatal(err)
		}
		n += value
	}
	return n
}

// arrived returns the bytes that the registry read so far, HTTP headers
// included.
func (l *line) arrived() int64 {
	l.b.Helper()
	text := l.in(l.client, "curl", "--silent", "--fail", "http://"+registryIP+controlPort+"/arrived")
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil {
		l.b.Fatal(err)
	}
	return n
}

// in runs a command in a namespace and returns what it prints.
func (l *line) in(ns string, args ...string) string {
	l.b.Helper()
	return run(l.b, append([]string{"ip", "netns", "exec", ns}, args...)...)
}

// serve runs this binary as the registry.
func (l *line) serve() {
	l.b.Helper()
	cmd := exec.Command("ip", "netns", "exec", l.registry, os.Args[0])
	cmd.Env = append(os.Environ(), "BENCH_REGISTRY="+registryIP, "BENCH_STORAGE="+l.b.TempDir())
	cmd.Stderr = os.Stderr
	input, err := cmd.StdinPipe()
	if err != nil {
		l.b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		l.b.Fatal(err)
	}
	l.b.Cleanup(func() {
		_ = input.Close()
		_ = cmd.Wait()
	})
	for range 200 {
		if exec.Command("ip", "netns", "exec", l.client, "curl", "--silent", "--output", "/dev/null", "http://"+host(registries-1)+"/v2/").Run() == nil {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	l.b.Fatal("the registry did not answer within 10s")
}

// run runs a command that must succeed.
func run(b *testing.B, args ...string) string {
	b.Helper()
	out, err := exec.Command(args[0], args[1:]...).CombinedOutput() //nolint:gosec,noctx // the benchmark's own commands
	if err != nil {
		b.Fatalf("%s: %s: %v", strings.Join(args, " "), out, err)
	}
	return string(out)
}

// timed runs a command in the client's namespace for at most an hour.
func (l *line) timed(env []string, args ...string) (took time.Duration, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()
	cmd := exec.CommandContext(ctx, "ip", append([]string{"netns", "exec", l.client}, args...)...)
	cmd.Env = append(os.Environ(), env...)
	started := time.Now()
	out, err := cmd.CombinedOutput()
	if err != nil {
		l.b.Logf("%s: %s", strings.Join(args, " "), tail(string(out)))
	}
	return time.Since(started), err
}

func tail(s string) string { return s[max(0, len(s)-600):] }

// controls lets the benchmark talk to the registries' process.
func controls(lines []*registrytest.Line) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/arrived", func(w http.ResponseWriter, _ *http.Request) {
		var n int64
		for _, line := range lines {
			n += line.Upstream()
		}
		fmt.Fprintln(w, n)
	})
	mux.HandleFunc("/cut", func(w http.ResponseWriter, r *http.Request) {
		after, err := strconv.ParseInt(r.FormValue("after"), 10, 64)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		for _, line := range lines {
			line.CutAfter.Store(after)
		}
	})
	return mux
}
