package smoketest

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/org/shipkit/pkg/smoke"
	"github.com/org/shipkit/pkg/smoke/checkfile"
)

// fromFile reads the checks file. Inputs that are set win over the file.
func (in inputs) fromFile(getenv func(string) string) (*smoke.Suite, error) {
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
