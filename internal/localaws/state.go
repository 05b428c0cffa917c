package localaws

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/org/shipkit/internal/localaws/clock"
)

// state is one service's memory, kept in <dir>/<name>.json.
type state struct {
	name   string
	keeper stateful
}

// saver writes the services' state to a folder: every two seconds where it changed, and at the end.
type saver struct {
	dir    string
	states []state
	last   map[string][]byte
	now    chan chan error // asks for a save at once
	quit   chan struct{}
	done   chan error
}

func newSaver(dir string, states []state) *saver {
	return &saver{dir: dir, states: states, last: map[string][]byte{}, now: make(chan chan error), quit: make(chan struct{}),
		done: make(chan error, 1)}
}

// start gives the services what they knew and begins to save.
func (v *saver) start() error {
	if err := os.MkdirAll(v.dir, 0o700); err != nil {
		return fmt.Errorf("make the state folder: %w", err)
	}
	for _, st := range v.states {
		data, err := os.ReadFile(v.path(st))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("read the state of %s: %w", st.name, err)
		}
		if err := st.keeper.Load(data); err != nil {
			return fmt.Errorf("restore the state of %s from %s: %w", st.name, v.path(st), err)
		}
		v.last[st.name] = data
	}
	go v.run()
	return nil
}

func (v *saver) run() {
	tick := time.NewTicker(2 * time.Second)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			_ = v.save() // tried again in two seconds, and told at the end
		case saved := <-v.now:
			saved <- v.save()
		case <-v.quit:
			v.done <- v.save()
			return
		}
	}
}

// Save writes the state to the folder at once, if there is one, so that even a kill right after loses nothing.
func (s *Server) Save() error {
	if s.saving == nil {
		return nil
	}
	saved := make(chan error, 1)
	select {
	case s.saving.now <- saved:
		return <-saved
	case <-s.saving.quit: // it is saved as the server stops
		return nil
	}
}

func (v *saver) stop() error {
	select {
	case <-v.quit:
		return nil
	default:
	}
	close(v.quit)
	return <-v.done
}

func (v *saver) save() error {
	var errs []error
	for _, st := range v.states {
		data, err := st.keeper.Save()
		if err == nil && !bytes.Equal(data, v.last[st.name]) {
			if err = replace(v.path(st), data); err == nil {
				v.last[st.name] = data
			}
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("save the state of %s: %w", st.name, err))
		}
	}
	return errors.Join(errs...)
}

func (v *saver) path(st state) string { return filepath.Join(v.dir, st.name+".json") }

// replace writes a file so that a crash leaves either the old or the new content.
func replace(path string, data []byte) error {
	fresh := path + ".new"
	if err := os.WriteFile(fresh, data, 0o600); err != nil {
		return fmt.Errorf("write state: %w", err)
	}
	if err := os.Rename(fresh, path); err != nil {
		return fmt.Errorf("write state: %w", err)
	}
	return nil
}

// clockState carries simulated time over a restart: it must not go back, or what was made would lie in the future.
type clockState struct{ clock *clock.Clock }

// Save implements stateful.
func (c clockState) Save() ([]byte, error) {
	out, err := c.clock.Now().MarshalText()
	if err != nil {
		return nil, fmt.Errorf("save the clock: %w", err)
	}
	return out, nil
}

// Load implements stateful.
func (c clockState) Load(state []byte) error {
	var then time.Time
	if err := then.UnmarshalText(state); err != nil {
		return fmt.Errorf("load the clock: %w", err)
	}
	if ahead := then.Sub(c.clock.Now()); ahead > 0 {
		c.clock.Advance(ahead)
	}
	return nil
}
