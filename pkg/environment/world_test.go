package environment

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/org/shipkit/pkg/namespace"
	"github.com/org/shipkit/pkg/saga"
)

var (
	errDead     = errors.New("the process is dead")
	errThrottle = errors.New("ThrottlingException: rate exceeded")
)

const (
	ours   = "acme/shop"
	theirs = "acme/other"
)

// world is an account in which environments are made. Its schedules fire by
// themselves. Each process that uses it is a client, which can be killed.
type world struct {
	mu         sync.Mutex
	parameters map[string]string
	records    map[string]Record
	slots      map[int]string
	ends       map[string]time.Time
	stacks     map[string]*stack
	broken     bool // what is applied fails
	writes     int
	deleted    map[string]time.Time // names of parameters and records
	freed      map[string]time.Time // when an owner's slot was
	racing     bool                 // processes run at once
	problems   []string
}

// used notes that a name is created, and complains if AWS asks to wait with it.
func (w *world) used(name string) {
	if w.racing && strings.Contains(name, "/env/operation") {
		return // ADR 0024 says what is left
	}
	if at, ok := w.deleted[name]; ok && time.Since(at) < awsWait {
		w.problems = append(w.problems, fmt.Sprintf("%s is created %s after it was deleted", name, time.Since(at)))
	}
}

// awsWait is how long AWS asks to wait before a deleted name is used again.
const awsWait = 30 * time.Second

type stack struct {
	version     string
	ready, gone time.Time
	failed      string
	repository  string
	off         bool
}

const (
	makeTime   = 50 * time.Second
	removeTime = 25 * time.Second
)

func newWorld() *world {
	w := &world{
		parameters: map[string]string{}, records: map[string]Record{}, slots: map[int]string{},
		ends: map[string]time.Time{}, stacks: map[string]*stack{}, deleted: map[string]time.Time{}, freed: map[string]time.Time{},
	}
	w.stacks["xy-0146-pr900"] = &stack{repository: theirs}
	w.records["xy-0146-pr900"] = Record{Namespace: "xy-0146-pr900", Repository: theirs, State: Ready, Pull: 900, Expires: time.Now().Add(-time.Hour)}
	return w
}

// client is one process's way to the world.
type client struct {
	*world
	calls, dieAt int
	after, dead  bool
	kill         context.CancelFunc
	faults       func() bool
	latency      func() time.Duration
}

// call is a call that takes a while.
func (c *client) call(write bool, effect func() error) error {
	if c.latency != nil {
		time.Sleep(c.latency())
	}
	return c.apply(write, effect)
}

// callOn is a call on a parameter. One on a lease takes no time: a lease is
// asked under a mutex, and time stands still in a test while one is waited for.
func (c *client) callOn(name string, write bool, effect func() error) error {
	if strings.Contains(name, "/lock/") {
		return c.apply(write, effect)
	}
	return c.call(write, effect)
}

func (c *client) apply(write bool, effect func() error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fire()
	if c.dead {
		return errDead
	}
	c.calls++
	dying := c.calls == c.dieAt
	if dying && !c.after {
		return c.die()
	}
	if c.faults != nil && c.faults() {
		return errThrottle
	}
	if write {
		c.writes++
	}
	err := effect()
	if dying {
		return c.die()
	}
	return err
}

func (c *client) die() error {
	c.dead = true
	c.kill()
	return errDead
}

// fire lets time have its effect: schedules end environments, removals end.
func (w *world) fire() {
	now := time.Now()
	for name, at := range w.ends {
		if !now.Before(at) {
			if s := w.stacks[name]; s != nil && s.gone.IsZero() {
				s.gone = now.Add(removeTime)
			}
			delete(w.ends, name)
		}
	}
	for name, s := range w.stacks {
		if !s.gone.IsZero() && !now.Before(s.gone) {
			delete(w.stacks, name)
		}
	}
	if w.stacks["xy-0146-pr900"] == nil || w.records["xy-0146-pr900"].Repository != theirs {
		w.problems = append(w.problems, "another repository's environment was touched")
	}
	for name, s := range w.stacks {
		if _, ended := w.ends[name]; !ended && s.repository == ours && s.gone.IsZero() {
			w.problems = append(w.problems, name+" stands without an arranged end")
		}
	}
}

// ---- Parameter Store

func (c *client) GetParameter(_ context.Context, in *ssm.GetParameterInput, _ ...func(*ssm.Options)) (out *ssm.GetParameterOutput, err error) {
	err = c.callOn(*in.Name, false, func() error {
		value, ok := c.parameters[*in.Name]
		if !ok {
			return &types.ParameterNotFound{}
		}
		out = &ssm.GetParameterOutput{Parameter: &types.Parameter{Name: in.Name, Value: &value}}
		return nil
	})
	return out, err
}

func (c *client) GetParameters(context.Context, *ssm.GetParametersInput, ...func(*ssm.Options)) (*ssm.GetParametersOutput, error) {
	return nil, errors.New("environments read one parameter at a time")
}

func (c *client) GetParametersByPath(_ context.Context, in *ssm.GetParametersByPathInput, _ ...func(*ssm.Options)) (out *ssm.GetParametersByPathOutput, err error) {
	err = c.call(false, func() error {
		out = &ssm.GetParametersByPathOutput{}
		for name, value := range c.parameters {
			if strings.HasPrefix(name, *in.Path+"/") {
				out.Parameters = append(out.Parameters, types.Parameter{Name: aws.String(name), Value: aws.String(value)})
			}
		}
		return nil
	})
	return out, err
}

func (c *client) PutParameter(_ context.Context, in *ssm.PutParameterInput, _ ...func(*ssm.Options)) (*ssm.PutParameterOutput, error) {
	return &ssm.PutParameterOutput{}, c.callOn(*in.Name, true, func() error {
		_, exists := c.parameters[*in.Name]
		if exists && !aws.ToBool(in.Overwrite) {
			return &types.ParameterAlreadyExists{}
		}
		if !exists {
			c.used(*in.Name)
		}
		c.parameters[*in.Name] = *in.Value
		return nil
	})
}

func (c *client) DeleteParameter(_ context.Context, in *ssm.DeleteParameterInput, _ ...func(*ssm.Options)) (*ssm.DeleteParameterOutput, error) {
	return &ssm.DeleteParameterOutput{}, c.callOn(*in.Name, true, func() error {
		if _, ok := c.parameters[*in.Name]; !ok {
			return &types.ParameterNotFound{}
		}
		delete(c.parameters, *in.Name)
		c.deleted[*in.Name] = time.Now()
		return nil
	})
}

// ---- records, slots, ends

type records struct{ *client }

func (c records) Get(_ context.Context, n namespace.Namespace) (r *Record, err error) {
	err = c.call(false, func() error {
		if known, ok := c.records[n.String()]; ok {
			r = &known
		}
		return nil
	})
	return r, err
}

func (c records) Put(_ context.Context, n namespace.Namespace, r Record) error {
	return c.call(true, func() error {
		if _, exists := c.records[n.String()]; !exists {
			c.used("record of " + n.String())
		}
		c.records[n.String()] = r
		return nil
	})
}

func (c records) Delete(_ context.Context, n namespace.Namespace) error {
	return c.call(true, func() error {
		if _, exists := c.records[n.String()]; exists {
			c.deleted["record of "+n.String()] = time.Now()
		}
		delete(c.records, n.String())
		return nil
	})
}

func (c records) List(context.Context, string) (list []Record, err error) {
	err = c.call(false, func() error {
		for _, r := range c.records {
			list = append(list, r) // also another's: the manager must filter
		}
		return nil
	})
	return list, err
}

type slots struct{ *client }

func (c slots) Look(_ context.Context, owner string, limit int) (freed time.Time, err error) {
	err = c.call(false, func() error {
		freed = c.freed[owner]
		_, err := c.free(owner, limit)
		return err
	})
	return freed, err
}

func (c slots) Claim(_ context.Context, owner string, limit int) error {
	return c.call(true, func() error {
		i, err := c.free(owner, limit)
		if err == nil {
			c.slots[i] = owner
		}
		return err
	})
}

// free returns the owner's slot, or one that it may have.
func (c slots) free(owner string, limit int) (int, error) {
	var owners []string
	for i := 0; limit == 0 || i < limit; i++ {
		if who := c.slots[i]; who == owner || who == "" {
			return i, nil
		}
		owners = append(owners, c.slots[i])
	}
	return 0, &FullError{Limit: limit, Owners: owners}
}

func (c slots) Release(_ context.Context, owner string) error {
	return c.call(true, func() error {
		for i, who := range c.slots {
			if who == owner {
				delete(c.slots, i)
			}
		}
		c.freed[owner] = time.Now()
		return nil
	})
}

type ends struct{ *client }

func (c ends) Arrange(_ context.Context, n namespace.Namespace, at time.Time) error {
	return c.call(true, func() error {
		c.ends[n.String()] = at
		return nil
	})
}

func (c ends) Cancel(_ context.Context, n namespace.Namespace) error {
	return c.call(true, func() error {
		if c.stacks[n.String()] != nil {
			c.problems = append(c.problems, n.String()+": the end was cancelled before the environment was gone")
		}
		delete(c.ends, n.String())
		return nil
	})
}

// ---- the backend

type backend struct{ *client }

func (c backend) Look(_ context.Context, n namespace.Namespace) (status *Status, err error) {
	err = c.call(false, func() error {
		s := c.stacks[n.String()]
		if s == nil {
			return nil
		}
		now := time.Now()
		status = &Status{
			Deleting: !s.gone.IsZero(), Busy: s.gone.IsZero() && now.Before(s.ready), Version: s.version,
			URL: "https://" + n.Environment + ".example.com", Failed: s.failed,
		}
		status.Ready = !status.Busy && !status.Deleting && s.failed == ""
		return nil
	})
	return status, err
}

func (c backend) Apply(_ context.Context, n namespace.Namespace, r Request) error {
	return c.call(true, func() error {
		s := c.stacks[n.String()]
		switch {
		case s == nil:
			s = &stack{repository: ours}
			c.stacks[n.String()] = s
		case !s.gone.IsZero():
			return fmt.Errorf("%s is being deleted", n)
		case s.version == r.Fingerprint() && s.failed == "":
			return nil
		}
		s.version, s.ready, s.failed = r.Fingerprint(), time.Now().Add(makeTime), ""
		if c.broken {
			s.failed = "the image cannot be pulled"
		}
		return nil
	})
}

func (c backend) Destroy(_ context.Context, n namespace.Namespace) error {
	return c.call(true, func() error {
		if s := c.stacks[n.String()]; s != nil && s.gone.IsZero() {
			s.gone = time.Now().Add(removeTime)
		}
		return nil
	})
}

func (c backend) Power(_ context.Context, n namespace.Namespace, on bool) error {
	return c.call(true, func() error {
		if s := c.stacks[n.String()]; s != nil {
			s.off = !on
		}
		return nil
	})
}

// client returns a new process.
func (w *world) client() *client { return &client{world: w} }

func (c *client) manager(holder string) *Manager {
	return &Manager{
		Repository: ours, Parameters: c, Records: records{c}, Slots: slots{c}, Ends: ends{c}, Backend: backend{c},
		Holder: saga.Holder{ID: holder}, Patience: 5 * time.Minute, Rest: ReuseAfter,
		Options: saga.Options{Transient: func(err error) bool { return errors.Is(err, errThrottle) }},
		Answers: func(_ context.Context, url string) (bool, error) {
			return url != "", c.call(false, func() error { return nil })
		},
	}
}

// run runs a process until its end or its death.
func (c *client) run(work func(context.Context) error) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	c.kill = cancel
	return work(ctx)
}
