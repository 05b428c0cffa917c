package saga

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
)

var errDead = errors.New("the process is dead")

// world is Parameter Store and a place where things are made. It counts every
// call, and can kill the process right before or right after one takes effect.
type world struct {
	mu         sync.Mutex
	parameters map[string]string
	things     map[string]time.Time // name to the moment when it is ready
	made       map[string]int       // how often a thing came into being
	slow       time.Duration
	broken     map[string]error // things that fail to be made

	calls  int
	dieAt  int
	after  bool
	dead   bool
	killed context.CancelFunc
}

func newWorld() *world {
	return &world{parameters: map[string]string{}, things: map[string]time.Time{}, made: map[string]int{}, broken: map[string]error{}}
}

// call runs effect as one call to AWS.
func (w *world) call(effect func() error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.dead {
		return errDead
	}
	w.calls++
	dying := w.calls == w.dieAt
	if dying && !w.after {
		w.die()
		return errDead
	}
	err := effect()
	if dying {
		w.die()
		return errDead
	}
	return err
}

func (w *world) die() {
	w.dead = true
	if w.killed != nil {
		w.killed()
	}
}

// revive starts a new process that is not killed.
func (w *world) revive() { w.dead, w.dieAt, w.killed = false, 0, nil }

func (w *world) GetParameter(_ context.Context, in *ssm.GetParameterInput, _ ...func(*ssm.Options)) (out *ssm.GetParameterOutput, err error) {
	err = w.call(func() error {
		value, ok := w.parameters[*in.Name]
		if !ok {
			return &types.ParameterNotFound{}
		}
		out = &ssm.GetParameterOutput{Parameter: &types.Parameter{Name: in.Name, Value: &value}}
		return nil
	})
	return out, err
}

func (w *world) GetParameters(_ context.Context, in *ssm.GetParametersInput, _ ...func(*ssm.Options)) (out *ssm.GetParametersOutput, err error) {
	err = w.call(func() error {
		out = &ssm.GetParametersOutput{}
		for _, name := range in.Names {
			if value, ok := w.parameters[name]; ok {
				out.Parameters = append(out.Parameters, types.Parameter{Name: aws.String(name), Value: aws.String(value)})
			}
		}
		return nil
	})
	return out, err
}

func (w *world) GetParametersByPath(_ context.Context, in *ssm.GetParametersByPathInput, _ ...func(*ssm.Options)) (out *ssm.GetParametersByPathOutput, err error) {
	err = w.call(func() error {
		out = &ssm.GetParametersByPathOutput{}
		for name, value := range w.parameters {
			if strings.HasPrefix(name, *in.Path+"/") {
				out.Parameters = append(out.Parameters, types.Parameter{Name: aws.String(name), Value: aws.String(value)})
			}
		}
		return nil
	})
	return out, err
}

func (w *world) PutParameter(_ context.Context, in *ssm.PutParameterInput, _ ...func(*ssm.Options)) (*ssm.PutParameterOutput, error) {
	return &ssm.PutParameterOutput{}, w.call(func() error {
		if _, ok := w.parameters[*in.Name]; ok && !aws.ToBool(in.Overwrite) {
			return &types.ParameterAlreadyExists{}
		}
		if len(*in.Value) > 4096 {
			return &types.ParameterMaxVersionLimitExceeded{}
		}
		w.parameters[*in.Name] = *in.Value
		return nil
	})
}

func (w *world) DeleteParameter(_ context.Context, in *ssm.DeleteParameterInput, _ ...func(*ssm.Options)) (*ssm.DeleteParameterOutput, error) {
	return &ssm.DeleteParameterOutput{}, w.call(func() error {
		if _, ok := w.parameters[*in.Name]; !ok {
			return &types.ParameterNotFound{}
		}
		delete(w.parameters, *in.Name)
		return nil
	})
}

// step makes a thing that is ready after w.slow.
func (w *world) step(name string) Step {
	return Step{
		Name: "make " + name,
		Done: func(context.Context) (done bool, err error) {
			err = w.call(func() error {
				ready, ok := w.things[name]
				done = ok && !time.Now().Before(ready)
				return nil
			})
			return done, err
		},
		Do: func(context.Context) error {
			return w.call(func() error {
				if err := w.broken[name]; err != nil {
					return err
				}
				if _, ok := w.things[name]; ok {
					return nil // adopt it
				}
				w.things[name] = time.Now().Add(w.slow)
				w.made[name]++
				return nil
			})
		},
		Undo: func(context.Context) error {
			return w.call(func() error {
				delete(w.things, name)
				return nil
			})
		},
	}
}

func (w *world) names() string {
	var names []string
	for name := range maps.Keys(w.things) {
		names = append(names, name)
	}
	return fmt.Sprint(len(names), " things, made ", w.made)
}
