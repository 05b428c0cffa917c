// Package kept carries what a service remembers over a restart, as JSON.
package kept

import (
	"encoding/json"
	"fmt"
	"sync"
)

// State is a service's memory. Embedded, it makes the service one that local AWS saves and loads.
type State struct {
	lock   sync.Locker
	memory any
}

// Of is the state in memory, a pointer to what JSON can say, under the lock that guards it.
func Of(lock sync.Locker, memory any) State { return State{lock, memory} }

// Save returns the state.
func (s State) Save() ([]byte, error) {
	s.lock.Lock()
	defer s.lock.Unlock()
	out, err := json.Marshal(s.memory)
	if err != nil {
		return nil, fmt.Errorf("write the state as JSON: %w", err)
	}
	return out, nil
}

// Load takes up what Save returned.
func (s State) Load(state []byte) error {
	s.lock.Lock()
	defer s.lock.Unlock()
	if err := json.Unmarshal(state, s.memory); err != nil {
		return fmt.Errorf("read the state as JSON: %w", err)
	}
	return nil
}
