package ecsdeploy

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/service/ecs"

	"github.com/org/shipkit/pkg/progress"
)

// flaky is a link that is down while told so.
type flaky struct {
	*fakeAWS
	down *atomic.Bool
}

func (f flaky) DescribeServiceDeployments(ctx context.Context, in *ecs.DescribeServiceDeploymentsInput, o ...func(*ecs.Options)) (*ecs.DescribeServiceDeploymentsOutput, error) {
	if f.down.Load() {
		return nil, errors.New("dial tcp: connection timed out")
	}
	return f.fakeAWS.DescribeServiceDeployments(ctx, in, o...)
}

// recorder keeps the milestones of one task.
func recorder(lines *[]string, task string) progress.Func {
	return func(e progress.Event) {
		if e.Milestone && e.Task == task {
			*lines = append(*lines, e.Text)
		}
	}
}

// losing makes updates and loses the answers.
type losing struct {
	*fakeAWS
	meanwhile func()
}

func (l losing) UpdateService(ctx context.Context, in *ecs.UpdateServiceInput, o ...func(*ecs.Options)) (*ecs.UpdateServiceOutput, error) {
	if _, err := l.fakeAWS.UpdateService(ctx, in, o...); err != nil {
		return nil, err
	}
	l.meanwhile()
	return nil, errors.New("read: connection reset by peer")
}
