package fault

import (
	"context"
	"time"

	"github.com/org/shipkit/internal/localaws/wire"
)

// Moment is when a client dies, seen from the call that it makes.
type Moment int

// Before: the call never reached AWS. After: it took effect, but the client never learned of it.
const (
	Before Moment = iota
	After
)

func (m Moment) String() string {
	if m == Before {
		return "before"
	}
	return "after"
}

// life counts one client's calls and says whether it is dead.
type life struct {
	calls  int
	dieAt  int // zero: it lives
	moment Moment
	dead   bool
	until  time.Time // when it lives again, on the wall clock; zero: when it is revived
	onDie  context.CancelFunc
}

// DieAt kills a client, named by its access key ID (empty: everybody), at its nth call from now, counted from 1: that
// call and all that follow are never answered, until Revive. onDie, which may be nil, is called at that moment, so that
// a test can end the run at once rather than wait for the client's retries. With n zero it is called when a rule kills it.
func (j *Injector) DieAt(accessKeyID string, n int, when Moment, onDie context.CancelFunc) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lives[accessKeyID] = &life{dieAt: n, moment: when, onDie: onDie}
}

// Revive lets a client live again, its count starting anew.
func (j *Injector) Revive(accessKeyID string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	delete(j.lives, accessKeyID)
}

// Died says whether DieAt has struck. A run with fewer calls than n lives on: the crash test over every call ends there.
func (j *Injector) Died(accessKeyID string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	l := j.lives[accessKeyID]
	return l != nil && l.dead
}

// mortal runs the call unless its client is dead or dies.
func (j *Injector) mortal(call wire.Call, run func() (any, error)) (any, error) {
	if call.InProcess {
		return run()
	}
	strike, moment, dead := j.fate(call.Caller.AccessKeyID)
	if dead || strike != nil && moment == Before {
		j.kill(strike)
		return nil, wire.ErrDrop
	}
	out, err := run()
	if strike != nil {
		j.kill(strike)
		return nil, wire.ErrDrop
	}
	return out, err
}

// fate counts a call. strike is the life that ends with it.
func (j *Injector) fate(accessKeyID string) (strike *life, moment Moment, dead bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, key := range []string{accessKeyID, ""} {
		l := j.lives[key]
		if l == nil {
			continue
		}
		if l.dead && !l.until.IsZero() && !time.Now().Before(l.until) {
			delete(j.lives, key)
			continue
		}
		if l.dead {
			return nil, 0, true
		}
		l.calls++
		if l.calls == l.dieAt {
			l.dead = true // from here on, so that a concurrent call does not slip through
			return l, l.moment, false
		}
	}
	return nil, 0, false
}

// bury answers a client no more, for a while or (zero) until it is revived.
func (j *Injector) bury(accessKeyID string, length time.Duration) {
	l := &life{dead: true}
	if length > 0 {
		l.until = time.Now().Add(length)
	}
	j.mu.Lock()
	if before := j.lives[accessKeyID]; before != nil {
		l.onDie = before.onDie
	}
	j.lives[accessKeyID] = l
	j.mu.Unlock()
	j.kill(l)
}

func (j *Injector) kill(l *life) {
	if l != nil && l.onDie != nil {
		l.onDie()
	}
}
