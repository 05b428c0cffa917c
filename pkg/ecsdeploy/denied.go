package ecsdeploy

import (
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/smithy-go"

	"github.com/org/shipkit/pkg/diag"
)

// deniedPattern reads the action and the resource out of AWS's message,
// https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html.
var deniedPattern = regexp.MustCompile(`not authorized to perform:? ([a-zA-Z0-9-]+:[A-Za-z0-9]+)(?: on resource:? (\S+))?`)

// denied tells whether AWS refused a call for lack of permission.
func denied(err error) bool {
	return hasCode(err, "AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError")
}

// expired tells whether the credentials have ended.
func expired(err error) bool {
	return hasCode(err, "ExpiredToken", "ExpiredTokenException", "RequestExpired", "UnrecognizedClientException", "InvalidClientTokenId")
}

// permanent tells whether asking again cannot help. Everything else may be the
// network, and the network may come back.
func permanent(err error) bool {
	return denied(err) || expired(err) || hasCode(err, "ServiceNotFoundException", "ClusterNotFoundException",
		"InvalidParameterException", "ValidationException", "UnsupportedFeatureException")
}

func hasCode(err error, codes ...string) bool {
	api, ok := errors.AsType[smithy.APIError](err)
	return ok && slices.Contains(codes, api.ErrorCode())
}

// inPlainWords takes the SDK's preamble (operation, status code, request ID)
// from what AWS refused, and names the permission that is missing.
func inPlainWords(err error) error {
	var list diag.List
	for _, found := range diag.From(err) {
		api, answered := errors.AsType[smithy.APIError](found)
		operation, called := errors.AsType[*smithy.OperationError](found)
		if !answered || !called || found.Severity != diag.Error || found.Try != "" {
			list.Add(found)
			continue
		}
		plain := *found
		plain.Summary = strings.Replace(plain.Summary, operation.Error(), firstNonEmpty(api.ErrorMessage(), api.ErrorCode()), 1)
		if action, arn := missingPermission(err, operation); denied(err) {
			plain.Summary, _, _ = strings.Cut(found.Summary, operation.Error())
			plain.Summary += "the role lacks " + action + on(arn)
			plain.Try = "add " + action + on(arn) + " to the role's policy"
		}
		list.Add(&plain)
	}
	return list.Err()
}

// plainly is an error in one line, in plain words.
func plainly(err error) string { return diag.From(inPlainWords(err))[0].Summary }

func on(arn string) string {
	if arn == "" {
		return ""
	}
	return " on " + arn
}

// missingPermission reads the action and the resource out of AWS's message; the
// operation is the action where AWS does not say it.
func missingPermission(err error, operation *smithy.OperationError) (action, arn string) {
	m := deniedPattern.FindStringSubmatch(err.Error())
	if m == nil {
		return strings.ToLower(operation.Service()) + ":" + operation.Operation(), ""
	}
	return m[1], strings.TrimRight(m[2], ".,")
}

// unchecked turns the failure of a check that is only for the user's benefit
// into a warning; a missing permission prints the action and the ARN to add.
func unchecked(what, action, arn string, err error) *diag.Diagnostic {
	d := &diag.Diagnostic{Severity: diag.Warning, Err: err}
	if !denied(err) {
		d.Summary = what + " could not be checked: " + err.Error()
		d.Try = "nothing, if the deployment succeeds; the check is a convenience"
		return d
	}
	if m := deniedPattern.FindStringSubmatch(err.Error()); m != nil {
		action = m[1]
		if m[2] != "" && m[2] != "*" {
			arn = strings.TrimRight(m[2], ".,")
		}
	}
	d.Summary = what + " could not be checked: the role lacks " + action + " on " + arn
	d.Try = "add " + action + " on " + arn + " to the role's policy"
	return d
}
