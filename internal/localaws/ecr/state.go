package ecr

import (
	"encoding/json"
	"fmt"
)

// state is what survives a restart. Tokens do not.
type state struct {
	Repositories map[string]*repository
	Mount        string
}

// Save returns the repositories for a later Load.
func (s *Service) Save() ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	data, err := json.Marshal(state{s.repos, s.mount})
	if err != nil {
		return nil, fmt.Errorf("save repositories: %w", err)
	}
	return data, nil
}

// Load restores what Save returned.
func (s *Service) Load(data []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var st state
	if err := json.Unmarshal(data, &st); err != nil {
		return fmt.Errorf("load repositories: %w", err)
	}
	for name, repo := range st.Repositories {
		uri := s.host + "/" + name
		repo.RepositoryUri = &uri
		s.repos[name] = repo
	}
	s.mount = st.Mount
	return nil
}
