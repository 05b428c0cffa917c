package rds

import (
	"path"
	"strings"
)

// faults holds what is to go wrong, by pattern of identifiers.
type faults struct {
	snapshots, restores, deletions []string
	withdrawn                      []string // region, engine and version
}

// FailSnapshot lets the next snapshot or copy whose identifier matches the
// pattern (as path.Match; "*" is any) end in the state failed.
func (s *Service) FailSnapshot(pattern string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults.snapshots = append(s.faults.snapshots, strings.ToLower(pattern))
}

// FailRestore lets the next restore into an instance or cluster whose
// identifier matches the pattern end in the state incompatible-restore.
func (s *Service) FailRestore(pattern string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults.restores = append(s.faults.restores, strings.ToLower(pattern))
}

// HangDeletion lets the next deletion of a snapshot whose identifier matches
// the pattern stay in the state deleting.
func (s *Service) HangDeletion(pattern string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults.deletions = append(s.faults.deletions, strings.ToLower(pattern))
}

// Withdraw lets a region no longer offer an engine's version. Databases that
// have it stay.
func (s *Service) Withdraw(region, engine, version string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults.withdrawn = append(s.faults.withdrawn, region+" "+engine+" "+version)
}

// strike reports whether a rule applies to an identifier and uses it up. The
// lock is held.
func strike(rules *[]string, id string) bool {
	for i, pattern := range *rules {
		if ok, err := path.Match(pattern, id); ok && err == nil {
			*rules = append((*rules)[:i:i], (*rules)[i+1:]...)
			return true
		}
	}
	return false
}
