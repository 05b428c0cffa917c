package smoketest

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/org/shipkit/pkg/action"
	"github.com/org/shipkit/pkg/smoke"
	"github.com/org/shipkit/pkg/smoke/report"
)

// writeReports writes both reports into dir and sets their paths as outputs.
func writeReports(rt *action.Runtime, dir string, result *smoke.Result) error {
	if dir == "" {
		return nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // reports are for everyone on the runner
		return fmt.Errorf("make report-dir: %w", err)
	}
	jsonPath, junitPath := filepath.Join(dir, "smoke.json"), filepath.Join(dir, "smoke.xml")
	err := errors.Join(writeReport(jsonPath, report.JSON, result), writeReport(junitPath, report.JUnit, result))
	if err == nil {
		rt.SetOutput("report-path", jsonPath)
		rt.SetOutput("junit-path", junitPath)
	}
	return err
}

func writeReport(path string, write func(io.Writer, *smoke.Result) error, result *smoke.Result) (err error) {
	file, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("write a report: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return write(file, result)
}
