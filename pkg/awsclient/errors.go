package awsclient

import (
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/smithy-go"

	"github.com/org/shipkit/pkg/diag"
)

// Codes of AWS's common errors, which services spell differently.
// https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html
var (
	expiredCodes = []string{"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"}
	deniedCodes  = []string{
		"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError", "NotAuthorized",
		"AuthorizationErrorException",
	}
	unknownCodes = []string{"UnrecognizedClientException", "InvalidClientTokenId", "InvalidAccessKeyId", "SignatureDoesNotMatch"}
)

// Expired tells whether AWS refused the call because the session's credentials
// have run out. Waiting or retrying does not help.
func Expired(err error) bool { return hasCode(err, expiredCodes) }

// The words of IAM's refusals: "User: arn:… is not authorized to perform:
// ecs:UpdateService on resource: arn:… because no identity-based policy …".
var refusal = regexp.MustCompile(`not authorized to perform:? ([A-Za-z0-9-]+:[A-Za-z0-9*]+)(?: on (?:the )?resource:? "?([^\s"]+))?`)

// Denied tells whether IAM refused the call, and which action on which
// resource a policy must allow. The resource is "" if AWS does not say it.
func Denied(err error) (action, arn string, ok bool) {
	if !hasCode(err, deniedCodes) {
		return "", "", false
	}
	if m := refusal.FindStringSubmatch(err.Error()); m != nil {
		return m[1], strings.TrimRight(m[2], ".,"), true
	}
	var operation *smithy.OperationError
	if errors.As(err, &operation) {
		return iamPrefix(operation.Service()) + ":" + operation.Operation(), "", true
	}
	return "", "", true
}

// iamPrefix guesses IAM's name of a service from the SDK's, which differ for a
// few of those that shipkit calls.
func iamPrefix(service string) string {
	switch service {
	case "Elastic Load Balancing v2":
		return "elasticloadbalancing"
	case "Application Auto Scaling":
		return "application-autoscaling"
	case "CloudWatch Logs":
		return "logs"
	case "Resource Groups Tagging API":
		return "tag"
	case "SESv2":
		return "ses"
	default:
		return strings.ToLower(strings.ReplaceAll(service, " ", ""))
	}
}

// Explain adds the remedy to an error that comes from credentials or
// permissions, and returns any other, and one that has it, as it is.
func Explain(err error) error {
	if err == nil || explained(err) {
		return err
	}
	if action, arn, ok := Denied(err); ok {
		return explainDenied(err, action, arn)
	}
	switch {
	case Expired(err):
		return &diag.Diagnostic{
			Summary: "the AWS credentials have expired", Detail: err.Error(), Err: err,
			Try: "raise role-duration-seconds of aws-actions/configure-aws-credentials above the job's length, and run the job again",
		}
	case hasCode(err, unknownCodes):
		return &diag.Diagnostic{
			Summary: "AWS does not know these credentials", Detail: err.Error(), Err: err,
			Try: "check the access key, or let aws-actions/configure-aws-credentials assume a role by OIDC",
		}
	case strings.Contains(err.Error(), "get credentials"), strings.Contains(err.Error(), "refresh cached credentials"):
		return &diag.Diagnostic{
			Summary: "no AWS credentials were found", Detail: err.Error(), Err: err,
			Try: "run aws-actions/configure-aws-credentials in an earlier step, with `permissions: id-token: write` on the job",
		}
	default:
		return err
	}
}

// explained tells whether somebody on the way has explained the error.
func explained(err error) bool {
	d, ok := errors.AsType[*diag.Diagnostic](err)
	return ok && d.Err != nil
}

func explainDenied(err error, action, arn string) error {
	d := &diag.Diagnostic{Summary: "AWS denied the call", Detail: err.Error(), Err: err}
	if action == "" {
		d.Try = "compare the role's policy with the one in the action's README"
		return d
	}
	d.Summary = "AWS denied " + action
	d.Try = "allow " + action + " in the policy of the role"
	if arn != "" {
		d.Summary += " on " + arn
		d.Try += ` with "Resource": "` + arn + `"`
	}
	return d
}

func hasCode(err error, codes []string) bool {
	var apiError smithy.APIError
	return errors.As(err, &apiError) && slices.Contains(codes, apiError.ErrorCode())
}
