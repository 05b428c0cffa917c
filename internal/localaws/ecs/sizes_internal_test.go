package ecs

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

func TestTaskSizes(t *testing.T) {
	for _, tt := range []struct{ cpu, memory, keptCPU, keptMemory, problem string }{
		{"256", "512", "256", "512", ""},
		{".25 vCPU", "0.5GB", "256", "512", ""},
		{"1 vcpu", "8 GB", "1024", "8192", ""},
		{"16384", "122880", "16384", "122880", ""},
		{"300", "512", "", "", "No Fargate configuration exists for given values: 300 CPU, 512 memory."},
		{"256", "1536", "", "", "No Fargate configuration exists"},
		{"8192", "17408", "", "", "No Fargate configuration exists"},
		{"4096", "4096", "", "", "No Fargate configuration exists for given values: 4096 CPU, 4096 memory."},
		{"much", "512", "", "", "Invalid 'cpu' setting for task: much"},
		{"256", "-1", "", "", "Invalid 'memory' setting for task: -1"},
	} {
		in := &ecs.RegisterTaskDefinitionInput{
			Family: aws.String("web"), Cpu: &tt.cpu, Memory: &tt.memory, NetworkMode: types.NetworkModeAwsvpc,
			RequiresCompatibilities: []types.Compatibility{types.CompatibilityFargate},
			ContainerDefinitions:    []types.ContainerDefinition{{Name: aws.String("web"), Image: aws.String("web")}},
		}
		err := checkDefinition(in)
		switch {
		case tt.problem != "":
			if err == nil || !strings.Contains(err.Error(), tt.problem) {
				t.Errorf("%s, %s: got %v, want %s", tt.cpu, tt.memory, err, tt.problem)
			}
		case err != nil || *in.Cpu != tt.keptCPU || *in.Memory != tt.keptMemory:
			t.Errorf("%s, %s: kept %s, %s, %v", tt.cpu, tt.memory, *in.Cpu, *in.Memory, err)
		}
	}
}
