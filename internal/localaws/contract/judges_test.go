package contract

import (
	"context"
	"encoding/xml"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// venv is where `make emulators` installs the judges.
const venv = "../../../.venv/bin"

func TestMoto(t *testing.T) {
	judge(t, "moto", []string{"ssm", "secretsmanager", "logs", "sts", "iam", "kms", "ses", "sns", "s3", "scheduler",
		"application-autoscaling", "rds", "elasticloadbalancing", "tagging", "ecs", "codedeploy", "ec2"}, func(port string) *exec.Cmd {
		return program("moto_server", "-H", "127.0.0.1", "-p", port)
	})
}

func TestMinistack(t *testing.T) {
	judge(t, "ministack", []string{"ecr", "cloudformation"}, func(port string) *exec.Cmd {
		c := program("ministack")
		c.Env = append(c.Env, "BIND_HOST=127.0.0.1", "GATEWAY_PORT="+port, "EDGE_PORT="+port, "IOT_MTLS_ENABLED=0",
			"SFTP_ENABLED=0", "DOCKER_HOST=unix:///nonexistent.sock")
		return c
	})
}

// brokenLines tries again where the connection broke (the judges' chunked answers cost the SDK's XML readers theirs now and
// then), but not what a judge answers: its failures are to be seen.
func brokenLines() aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.Retryables = []retry.IsErrorRetryable{retry.RetryableConnectionError{}}
		o.MaxBackoff = 50 * time.Millisecond
	})
}

func program(name string, args ...string) *exec.Cmd {
	c := exec.Command(filepath.Join(venv, name), args...) //nolint:noctx // ended by its process group
	c.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "AWS_") })
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return c
}

// judge runs the contracts of some areas against another emulator.
func judge(t *testing.T, name string, areas []string, command func(port string) *exec.Cmd) {
	url := launch(t, command)
	place := home
	if name == "moto" {
		place = motoNetwork(t, url)
	}
	cfg := aws.Config{Region: "eu-west-1", BaseEndpoint: &url, Retryer: brokenLines,
		Credentials: credentials.NewStaticCredentialsProvider("AKIAIOSFODNN7EXAMPLE", "secret", "")}
	for _, c := range contracts {
		if !slices.Contains(areas, c.area) {
			continue
		}
		t.Run(c.area+"/"+c.name, func(t *testing.T) {
			known := differencesOf(name, c)
			for _, broken := range hold(t, c, cfg, place) {
				if d, ok := known[broken.step]; ok {
					t.Logf("%s; %s differs from AWS: %q, %s", broken, name, d.aws, d.source)
					delete(known, broken.step)
				} else {
					t.Error(broken)
				}
			}
			for step := range known {
				t.Errorf("%s holds %q now: take the difference off the list", name, step)
			}
		})
	}
}

// launch starts a judge on a free port and waits until it answers.
func launch(t *testing.T, command func(port string) *exec.Cmd) string {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := listener.Addr().String()
	_, port, _ := net.SplitHostPort(addr)
	_ = listener.Close()
	c := command(port)
	log := filepath.Join(t.TempDir(), "log")
	out, err := os.Create(log)
	if err != nil {
		t.Fatal(err)
	}
	c.Stdout, c.Stderr = out, out
	c.Env = append(c.Env, "TMPDIR="+t.TempDir()) // ministack leaves a note of its process there
	if err := c.Start(); err != nil {
		t.Fatalf("%v; install the judges with: make emulators", err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-c.Process.Pid, syscall.SIGKILL) // its group, which is our own making
		_ = c.Wait()                                      // killed, as it says
		_ = out.Close()
	})
	await(t, addr, log)
	return "http://" + addr
}

func await(t *testing.T, addr, log string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	for {
		var d net.Dialer
		if conn, err := d.DialContext(ctx, "tcp", addr); err == nil {
			_ = conn.Close()
			return
		}
		if ctx.Err() != nil {
			said, _ := os.ReadFile(log)
			t.Fatal(fmt.Errorf("the judge does not answer at %s: %s", addr, said))
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// motoNetwork asks moto for the default VPC that it made, since it refuses others. No SDK of EC2 is needed for that.
func motoNetwork(t *testing.T, url string) network {
	t.Helper()
	form := strings.NewReader("Action=DescribeSubnets&Version=2016-11-15")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, form)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=A/20260101/eu-west-1/ec2/aws4_request, SignedHeaders=host, Signature=0")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var found struct {
		Items []struct {
			Subnet string `xml:"subnetId"`
			VPC    string `xml:"vpcId"`
		} `xml:"subnetSet>item"`
	}
	if err := xml.NewDecoder(resp.Body).Decode(&found); err != nil || len(found.Items) < 2 {
		t.Fatalf("moto has no default subnets: %v", err)
	}
	return network{vpc: found.Items[0].VPC, subnets: []string{found.Items[0].Subnet, found.Items[1].Subnet}}
}
