package ecs

import (
	"path"
	"slices"
	"strings"
)

// FaultKind is a way in which tasks fail by order.
type FaultKind string

// The faults of tasks. Whatever an image does by itself (exits, runs out of memory, listens elsewhere) needs no fault.
const (
	FaultExit         FaultKind = "exit"         // killed as soon as it runs: exit code 137
	FaultUnhealthy    FaultKind = "unhealthy"    // its health checks never pass
	FaultArchitecture FaultKind = "architecture" // its image lacks the platform
	FaultCapacity     FaultKind = "capacity"     // it cannot be placed
)

// A Fault makes tasks fail.
type Fault struct {
	Kind FaultKind
	// Match selects tasks by service name or, for RunTask, by family; a pattern of path.Match. Empty selects all.
	Match string
	// Revision selects tasks of one revision of the task definition; 0 selects all.
	Revision int32
	// Times is how many tasks fail; 0 is no end.
	Times int
	used  int
}

// AddFault makes tasks fail from now on.
func (s *Service) AddFault(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, &f)
}

// ClearFaults lets new tasks start as they should.
func (s *Service) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// takeFault is the fault that befalls a task, or nil; the caller holds the lock.
func (s *Service) takeFault(t *task) *Fault {
	return s.fault(t.group, t.def, func(k FaultKind) bool { return k != FaultCapacity })
}

// noCapacity reports whether a task of the group cannot be placed; the caller holds the lock.
func (s *Service) noCapacity(group string, def *revision) bool {
	return s.fault(group, def, func(k FaultKind) bool { return k == FaultCapacity }) != nil
}

func (s *Service) fault(group string, def *revision, kind func(FaultKind) bool) *Fault {
	_, name, _ := strings.Cut(group, ":")
	i := slices.IndexFunc(s.faults, func(f *Fault) bool {
		matched, err := path.Match(f.Match, name)
		return kind(f.Kind) && (f.Match == "" || matched && err == nil) &&
			(f.Revision == 0 || f.Revision == def.Revision) && (f.Times == 0 || f.used < f.Times)
	})
	if i < 0 {
		return nil
	}
	s.faults[i].used++
	return s.faults[i]
}
