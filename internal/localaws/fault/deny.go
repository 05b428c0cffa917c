package fault

import (
	"github.com/org/shipkit/internal/localaws/wire"
)

// iamPrefixes are the services whose prefix in IAM differs from their signing name.
var iamPrefixes = map[string]string{"tagging": "tag", "monitoring": "cloudwatch"}

func iamPrefix(service string) string {
	if prefix := iamPrefixes[service]; prefix != "" {
		return prefix
	}
	return service
}

// Denied says whether a Deny rule stands for an action, which is named by its prefix in IAM.
func (j *Injector) Denied(prefix, operation string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, r := range j.rules {
		if r.Effect == Deny && (glob(r.Service, prefix) || iamPrefix(r.Service) == prefix) && glob(r.Operation, operation) {
			return true
		}
	}
	return false
}

// denied is AWS's answer to a caller without permission, in the words that name the action and the resource.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
func denied(call wire.Call) *wire.Error {
	action := iamPrefix(call.Service) + ":" + call.Operation
	on := resource(call.Input)
	if on == "" {
		on = "*"
	}
	code, status := "AccessDeniedException", 400
	switch call.Service {
	case "ec2": // https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
		return wire.Errorf("UnauthorizedOperation", 403, "You are not authorized to perform this operation. User: %s is not "+
			"authorized to perform: %s because no identity-based policy allows the %s action", call.Caller.ARN, action, action)
	case "rds", "cloudformation", "elasticloadbalancing", "iam", "sts", "sns", "s3":
		code, status = "AccessDenied", 403
	}
	return wire.Errorf(code, status, "User: %s is not authorized to perform: %s on resource: %s because no identity-based "+
		"policy allows the %s action", call.Caller.ARN, action, on, action)
}
