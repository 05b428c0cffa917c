package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"
	"github.com/jackc/pgx/v5"
	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets the scripts run this very program.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"shipkit-local": main})
}

// TestScripts runs the real program as a user does. Each script has folders for notes, state and temporary files of its own.
func TestScripts(t *testing.T) {
	u := user{t.Context()}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			// PostgreSQL's sockets have short names, and its user must get to them.
			dir, err := os.MkdirTemp("/tmp", "s")
			if err != nil {
				return err //nolint:wrapcheck // the test's
			}
			env.Defer(func() { _ = os.RemoveAll(dir) })
			env.Setenv("TMPDIR", dir+"/tmp")
			env.Setenv("STATE", dir+"/state")
			env.Setenv("XDG_CACHE_HOME", env.WorkDir)
			env.Setenv("GOCACHE", goCache(t))
			env.Setenv("ADDR", "127.0.0.1:0")
			return errors.Join(os.Chmod(dir, 0o755), os.Mkdir(dir+"/tmp", 0o755))
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"await": u.await, "listens": u.listens, "exports": u.exports, "request": u.request, "sql": u.sql, "make": u.make,
		},
	})
}

// user has the commands that the scripts need beside those of testscript.
type user struct {
	context.Context //nolint:containedctx // the test's
}

// await polls `shipkit-local status` until it prints all of the patterns.
func (user) await(ts *testscript.TestScript, _ bool, patterns []string) {
	deadline := time.Now().Add(3 * time.Minute) // the demo is compiled, on machines that do much else
	for {
		err := ts.Exec("shipkit-local", "status")
		table := ts.ReadFile("stdout")
		missing := slices.IndexFunc(patterns, func(p string) bool { return !regexp.MustCompile(p).MatchString(table) })
		if err == nil && missing < 0 {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("in three minutes there was not all of %q: %v\n%s%s", patterns, err, table, ts.ReadFile("stderr"))
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// listens tells whether somebody listens at an address.
func (u user) listens(ts *testscript.TestScript, neg bool, args []string) {
	var d net.Dialer
	conn, err := d.DialContext(u, "tcp", args[0])
	if err == nil {
		_ = conn.Close()
	}
	if neg == (err == nil) {
		ts.Fatalf("dial %s: %v", args[0], err)
	}
}

// exports takes over what `shipkit-local env` prints, as eval does, and the address of the server as ADDR.
func (user) exports(ts *testscript.TestScript, _ bool, _ []string) {
	ts.Check(ts.Exec("shipkit-local", "env"))
	for line := range strings.Lines(ts.ReadFile("stdout")) {
		name, value, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "export "), "=")
		ts.Setenv(name, value)
	}
	ts.Setenv("ADDR", strings.TrimPrefix(ts.Getenv("AWS_ENDPOINT_URL"), "http://"))
}

// config is for the SDK, of what exports has taken over.
func (user) config(ts *testscript.TestScript) aws.Config {
	return aws.Config{Region: ts.Getenv("AWS_REGION"), BaseEndpoint: aws.String(ts.Getenv("AWS_ENDPOINT_URL")),
		Credentials: credentials.NewStaticCredentialsProvider(ts.Getenv("AWS_ACCESS_KEY_ID"), ts.Getenv("AWS_SECRET_ACCESS_KEY"), "")}
}

// request SERVICE TARGET BODY posts what no SDK would and prints the answer; without TARGET it posts a form.
func (u user) request(ts *testscript.TestScript, _ bool, args []string) {
	service, target, body := args[0], args[1], args[2]
	cfg := u.config(ts)
	req, err := http.NewRequestWithContext(u, http.MethodPost, *cfg.BaseEndpoint, strings.NewReader(body))
	ts.Check(err)
	req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	if target == "" {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	req.Header.Set("X-Amz-Target", target)
	keys, err := cfg.Credentials.Retrieve(u)
	ts.Check(err)
	sum := sha256.Sum256([]byte(body))
	ts.Check(v4.NewSigner().SignHTTP(u, keys, req, hex.EncodeToString(sum[:]), service, cfg.Region, time.Now()))
	resp, err := http.DefaultClient.Do(req)
	ts.Check(err)
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	ts.Check(err)
	_, _ = fmt.Fprintf(ts.Stdout(), "%d %s\n", resp.StatusCode, answer)
}

// sql runs a statement on the first database that `status` shows, and prints the first column of its answer.
func (u user) sql(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(ts.Exec("shipkit-local", "status"))
	at := regexp.MustCompile(`available +(\S+:\d+)`).FindStringSubmatch(ts.ReadFile("stdout"))
	if at == nil {
		ts.Fatalf("no database is available")
	}
	conn, err := pgx.Connect(u, "postgres://shipkit:not-a-secret@"+at[1]+"/shipkit")
	ts.Check(err)
	defer func() { _ = conn.Close(u) }()
	rows, err := conn.Query(u, args[0])
	ts.Check(err)
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	ts.Check(err)
	_, _ = fmt.Fprintln(ts.Stdout(), strings.Join(lines, "\n"))
}

// make makes a stack and a schedule.
func (u user) make(ts *testscript.TestScript, _ bool, _ []string) {
	cfg := u.config(ts)
	_, err := cloudformation.NewFromConfig(cfg).CreateStack(u, &cloudformation.CreateStackInput{StackName: aws.String("app"),
		TemplateBody: aws.String(`{"Resources":{"P":{"Type":"AWS::SSM::Parameter","Properties":{"Name":"/of/stack","Type":"String","Value":"a"}}}}`)})
	ts.Check(err)
	_, err = scheduler.NewFromConfig(cfg).CreateSchedule(u, &scheduler.CreateScheduleInput{Name: aws.String("night"),
		ScheduleExpression: aws.String("cron(0 22 ? * MON-FRI *)"), ScheduleExpressionTimezone: aws.String("Africa/Lagos"),
		FlexibleTimeWindow: &types.FlexibleTimeWindow{Mode: types.FlexibleTimeWindowModeOff},
		Target: &types.Target{Arn: aws.String("arn:aws:scheduler:::aws-sdk:ecs:updateService"),
			RoleArn: aws.String("arn:aws:iam::111122223333:role/shipkit-scheduler"),
			Input:   aws.String(`{"Cluster":"xy-0146-dev","Service":"web","DesiredCount":2}`)}})
	ts.Check(err)
}
