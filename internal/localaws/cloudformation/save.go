package cloudformation

import (
	"encoding/json"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/org/shipkit/internal/localaws/cloudformation/template"
)

// Save returns all stacks.
func (s *Service) Save() ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	data, err := json.Marshal(s.stacks)
	if err != nil {
		return nil, fmt.Errorf("save the stacks: %w", err)
	}
	return data, nil
}

// Load takes up what Save returned. An operation that was under way when the
// program ended has failed.
func (s *Service) Load(data []byte) error {
	var stacks []*stack
	if err := json.Unmarshal(data, &stacks); err != nil {
		return fmt.Errorf("load the stacks: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stacks = stacks
	for _, st := range stacks {
		for _, cs := range st.ChangeSets {
			if err := cs.restore(); err != nil {
				return fmt.Errorf("load stack %s: %w", *st.StackName, err)
			}
		}
		if status, broken := interrupted[st.StackStatus]; broken {
			s.enter(st, status, "Local AWS was stopped while it worked on the stack.", "")
		}
	}
	return nil
}

// interrupted maps a state that nothing leads out of any more to its failure.
var interrupted = map[types.StackStatus]types.StackStatus{
	types.StackStatusCreateInProgress:                        types.StackStatusCreateFailed,
	types.StackStatusRollbackInProgress:                      types.StackStatusRollbackFailed,
	types.StackStatusUpdateInProgress:                        types.StackStatusUpdateFailed,
	types.StackStatusUpdateCompleteCleanupInProgress:         types.StackStatusUpdateComplete,
	types.StackStatusUpdateRollbackInProgress:                types.StackStatusUpdateRollbackFailed,
	types.StackStatusUpdateRollbackCompleteCleanupInProgress: types.StackStatusUpdateRollbackComplete,
	types.StackStatusDeleteInProgress:                        types.StackStatusDeleteFailed,
}

// restore computes what is not saved of a change set.
func (cs *changeSet) restore() error {
	if cs.Status == types.ChangeSetStatusCreatePending || cs.Status == types.ChangeSetStatusCreateInProgress {
		cs.Status, cs.StatusReason = types.ChangeSetStatusFailed,
			new("Local AWS was stopped while it computed the change set.")
	}
	r := cs.Revision
	parsed, err := template.Parse(r.Body)
	if err != nil {
		return err //nolint:wrapcheck // AWS's words
	}
	r.template, r.values = parsed, map[string]any{}
	for _, p := range r.Parameters {
		name := aws.ToString(p.ParameterKey)
		r.values[name] = parameterValue(parsed.Parameters[name], p)
	}
	return nil
}
