package ecs_test

import (
	"path/filepath"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/org/shipkit/internal/awstest/image"
	"github.com/org/shipkit/internal/localaws/container"
)

// TestRollingAsProcesses is the rolling update of a machine without Docker.
func TestRollingAsProcesses(t *testing.T) {
	m := newMachine(t, func(r container.Registry) (container.Engine, error) {
		return container.NewProcess(filepath.Join(t.TempDir(), "images"), r)
	})
	m.push("v1", image.Web{}, nil)
	m.push("v2", image.Web{}, nil)
	m.push("v3", image.Web{Mode: "exit:4"}, nil)
	m.serve(nil)
	stop := underLoad(t, m.url+"/version")
	m.deploy(2)
	m.await(types.ServiceDeploymentStatusSuccessful)
	m.deploy(3)
	m.await(types.ServiceDeploymentStatusRollbackSuccessful)
	if answered, failed := stop(); failed != 0 || answered == 0 {
		t.Errorf("%d of %d requests failed", failed, answered)
	}
	if _, body := get(t.Context(), m.url+"/version"); body != `{"version":"v2"}` {
		t.Errorf("version %s", body)
	}
}
