package ecsdeploy

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/org/shipkit/pkg/ecsdeploy/taskdef"
)

// register registers a document as it stands and returns the ARN of the new
// revision. The typed request lets the SDK sign and check; the body is the
// document's own, so that members newer than the SDK reach ECS.
func register(ctx context.Context, c *Clients, d *taskdef.Document) (string, error) {
	in, err := d.Input()
	if err != nil {
		return "", fmt.Errorf("register task definition %s: %w", d.Family(), err)
	}
	body, err := d.JSON()
	if err != nil {
		return "", fmt.Errorf("register task definition %s: %w", d.Family(), err)
	}
	var out *ecs.RegisterTaskDefinitionOutput
	for wait := time.Second; ; wait *= 2 {
		out, err = c.TaskDefinitions.RegisterTaskDefinition(ctx, in, withBody(body))
		if !tooManyAttempts(err) || wait > 16*time.Second {
			break
		}
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("register task definition %s: %w", d.Family(), ctx.Err())
		case <-time.After(wait):
		}
	}
	if err != nil {
		return "", fmt.Errorf("register task definition %s: %w", d.Family(), err)
	}
	return aws.ToString(out.TaskDefinition.TaskDefinitionArn), nil
}

// tooManyAttempts recognises a throttle that ECS sends as a ClientException,
// which the SDK does not retry.
func tooManyAttempts(err error) bool {
	return hasCode(err, "ClientException") &&
		strings.Contains(err.Error(), "Too many concurrent attempts")
}

// withBody replaces the body of a request before it is signed. The step runs
// once, ahead of the retries.
func withBody(body []byte) func(*ecs.Options) {
	replace := middleware.BuildMiddlewareFunc("ReplaceBody", func(
		ctx context.Context, in middleware.BuildInput, next middleware.BuildHandler,
	) (middleware.BuildOutput, middleware.Metadata, error) {
		request, ok := in.Request.(*smithyhttp.Request)
		if !ok {
			return middleware.BuildOutput{}, middleware.Metadata{}, fmt.Errorf("request of type %T has no body", in.Request)
		}
		request, err := request.SetStream(bytes.NewReader(body))
		if err != nil {
			return middleware.BuildOutput{}, middleware.Metadata{}, fmt.Errorf("replace the body: %w", err)
		}
		in.Request = request
		return next.HandleBuild(ctx, in)
	})
	return func(o *ecs.Options) {
		o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
			return stack.Build.Add(replace, middleware.Before) //nolint:wrapcheck // the SDK names the step
		})
	}
}
