package smoketest

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/org/shipkit/pkg/diag"
	"github.com/org/shipkit/pkg/smoke"
	"github.com/org/shipkit/pkg/smoke/checkfile"
)

// fromFile reads the checks file. Inputs that are set win over the file.
func (in inputs) fromFile(getenv func(string) string) (*smoke.Suite, error) {
	if err := in.beside(); err != nil {
		return nil, err
	}
	data, err := readChecks(string(in.Checks))
	if err != nil {
		return nil, err
	}
	suite, err := checkfile.Read(data, checkfile.Options{
		File: string(in.Checks),
		Env: func(name string) (string, bool) {
			value := getenv(name)
			return value, value != ""
		},
		Variables: in.variables(getenv),
		Timeout:   smoke.DefaultTimeout, Concurrency: smoke.DefaultConcurrency,
	})
	if err != nil {
		return nil, fmt.Errorf("read input checks: %w", err)
	}
	suite.Timeout = orDefault(in.Timeout, suite.Timeout)
	suite.Concurrency = orDefault(in.Concurrency, suite.Concurrency)
	return suite, nil
}

// beside refuses inputs about the one request, which the file would ignore.
func (in inputs) beside() error {
	var problems diag.List
	for _, input := range []struct {
		name  string
		given bool
	}{
		{"headers", len(in.Headers) > 0}, {"body", in.Body != ""}, {"bearer-token", in.BearerToken != ""},
		{"basic-auth", in.BasicAuth != ""}, {"body-contains", len(in.BodyContains) > 0}, {"jq", len(in.JQ) > 0},
		{"max-latency-p95", in.MaxLatencyP95 > 0}, {"compare-url", in.CompareURL != nil}, {"load-rate", in.LoadRate != nil},
		{"resolve", len(in.Resolve) > 0}, {"ca-file", in.CAFile != ""},
	} {
		if input.given {
			problems.Errorf("say it in "+string(in.Checks)+", or leave checks out", "input %s is given beside checks, whose file says that", input.name)
		}
	}
	return problems.Err()
}

// variables are what the file can use of the inputs: {{url}} and {{version}}.
func (in inputs) variables(getenv func(string) string) map[string]string {
	variables := map[string]string{}
	if in.URL != nil {
		variables["url"] = strings.TrimSuffix(in.URL.String(), "/")
	}
	if version := cmp.Or(in.ExpectVersion, getenv("SHIPKIT_VERSION")); version != "" {
		variables["version"] = version
	}
	return variables
}

// readChecks reads no more than tells that a file is too big.
func readChecks(path string) ([]byte, error) {
	file, err := os.Open(path) //nolint:gosec // the user names it
	if err != nil {
		return nil, fmt.Errorf("read input checks: %w", err)
	}
	defer func() { _ = file.Close() }()
	data, err := io.ReadAll(io.LimitReader(file, checkfile.MaxSize+1))
	if err != nil {
		return nil, fmt.Errorf("read input checks: %w", err)
	}
	return data, nil
}

func orDefault[T any](value *T, otherwise T) T {
	if value != nil {
		return *value
	}
	return otherwise
}
