package codedeploy

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
)

// state is what survives a restart.
type state struct {
	Applications map[string]*application
	Deployments  []types.DeploymentInfo
}

// Save returns everything for a later Load.
func (s *Service) Save() ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := state{Applications: s.applications}
	for _, id := range slices.Sorted(maps.Keys(s.deployments)) {
		st.Deployments = append(st.Deployments, s.deployments[id].info)
	}
	data, err := json.Marshal(st)
	if err != nil {
		return nil, fmt.Errorf("save deployments: %w", err)
	}
	return data, nil
}

// Load restores what Save returned. Deployments that were on their way have failed.
func (s *Service) Load(data []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := state{Applications: map[string]*application{}}
	if err := json.Unmarshal(data, &st); err != nil {
		return fmt.Errorf("load deployments: %w", err)
	}
	s.applications = st.Applications
	for _, info := range st.Deployments {
		d := &deployment{info: info}
		s.deployments[*info.DeploymentId] = d
		if !d.over() {
			s.close(d, failure{types.DeploymentStatusFailed, types.ErrorCodeInternalError, "local AWS was restarted", false})
		}
	}
	return nil
}
