package ecs

import (
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
)

// fargateMemory is what Fargate offers for each CPU size: memory in MiB from, to, and the step between; for 256 CPU units
// that are doublings.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-cpu-memory-error.html
var fargateMemory = map[int][3]int{
	256: {512, 2048, 0}, 512: {1024, 4096, 1024}, 1024: {2048, 8192, 1024}, 2048: {4096, 16384, 1024},
	4096: {8192, 30720, 1024}, 8192: {16384, 61440, 4096}, 16384: {32768, 122880, 8192},
}

// sizes writes cpu and memory of a task as ECS keeps them, in CPU units and MiB: "1 vCPU" is 1024, "2 GB" is 2048.
func sizes(in *ecs.RegisterTaskDefinitionInput) error {
	for _, size := range []struct {
		name, unit string
		value      **string
	}{{"cpu", "vcpu", &in.Cpu}, {"memory", "gb", &in.Memory}} {
		if *size.value == nil {
			continue
		}
		number, ok := inUnits(**size.value, size.unit)
		if !ok {
			return client("Invalid '%s' setting for task: %s", size.name, **size.value)
		}
		text := strconv.Itoa(number)
		*size.value = &text
	}
	return nil
}

// inUnits reads a number, or a number of units of 1024 each.
func inUnits(text, unit string) (int, bool) {
	whole, has := strings.CutSuffix(strings.ToLower(strings.TrimSpace(text)), unit)
	number, err := strconv.ParseFloat(strings.TrimSpace(whole), 64)
	if has {
		number *= 1024
	}
	return int(number), err == nil && number > 0
}

// fitsFargate tells whether Fargate has tasks of a size, in CPU units and MiB.
func fitsFargate(cpu, memory int) bool {
	size, ok := fargateMemory[cpu]
	if !ok || memory < size[0] || memory > size[1] {
		return false
	}
	if size[2] == 0 {
		return memory == 512 || memory == 1024 || memory == 2048
	}
	return memory%size[2] == 0
}
