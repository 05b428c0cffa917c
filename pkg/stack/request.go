package stack

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

// Request is what a stack is to be.
type Request struct {
	Name string
	// Template is the body, at most 51,200 bytes.
	Template         string
	Parameters, Tags map[string]string
	// Capabilities acknowledges what the template may create, such as
	// CAPABILITY_NAMED_IAM.
	Capabilities []string
	// Recreate allows a stack that was never complete to be deleted and made
	// anew, if it bears all of Owner. Without it such a stack is an error.
	Recreate bool
	Owner    map[string]string
	// New says that no stack of that name is expected: it is looked for only if
	// CloudFormation refuses the request.
	New bool
}

// fingerprint derives from all that is asked for: it begins the names of the
// request's change sets, so that a repetition recognises them.
func (r Request) fingerprint() string {
	sum := sha256.New()
	fmt.Fprintf(sum, "%q %q %q %q %q", r.Name, r.Template, r.Parameters, r.Tags, r.Capabilities) // maps print in order
	return "shipkit-" + hex.EncodeToString(sum.Sum(nil)[:8])
}

// changeSetName names the change set that leads from a stack as it is (nil for
// none) to the request.
func (r Request) changeSetName(from *Stack) string {
	if from == nil || from.Proposed() || from.changeSet == "" {
		return r.fingerprint() + "-new"
	}
	sum := sha256.Sum256([]byte(from.changeSet))
	return r.fingerprint() + "-" + hex.EncodeToString(sum[:4])
}

func (r Request) parameters() (parameters []types.Parameter) {
	for _, key := range slices.Sorted(maps.Keys(r.Parameters)) {
		parameters = append(parameters, types.Parameter{ParameterKey: new(key), ParameterValue: new(r.Parameters[key])})
	}
	return parameters
}

func (r Request) input(name string, kind types.ChangeSetType, role string) *cloudformation.CreateChangeSetInput {
	in := &cloudformation.CreateChangeSetInput{
		StackName: &r.Name, ChangeSetName: &name, ClientToken: &name, ChangeSetType: kind, TemplateBody: &r.Template,
		Parameters: r.parameters(),
	}
	for _, key := range slices.Sorted(maps.Keys(r.Tags)) {
		in.Tags = append(in.Tags, types.Tag{Key: new(key), Value: new(r.Tags[key])})
	}
	for _, c := range r.Capabilities {
		in.Capabilities = append(in.Capabilities, types.Capability(c))
	}
	if role != "" {
		in.RoleARN = &role
	}
	return in
}
