package contract

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go"

	"github.com/org/shipkit/internal/localaws"
)

// contract is one sequence of calls.
type contract struct {
	area string // a service by its signing name
	name string
	hold func(r *run)
}

// contracts are all of them, by area.
var contracts = slices.Concat(parameters, secretContracts, logContracts, identity, mailContracts, objects, schedules, scaling,
	databases, clusters, balancers, repositories, stacks, tagged, services, rollouts, alarms, codeDeployments,
	securityGroups)

// run is one contract against one AWS. What does not hold is collected rather than failed, so that a listed difference
// can be told from a fault.
type run struct {
	context.Context //nolint:containedctx // the contract's calls take the run as their context

	network

	cfg    aws.Config
	broken []breach
}

// breach is a step of a contract that did not come out as AWS documents it.
type breach struct{ step, how string }

func (b breach) String() string { return b.step + " " + b.how }

func (r *run) breaks(step, format string, args ...any) {
	r.broken = append(r.broken, breach{step, fmt.Sprintf(format, args...)})
}

// network is where load balancers and databases stand.
type network struct {
	vpc     string
	subnets []string
}

// home is local AWS's network: its EC2 takes any name.
var home = network{vpc: "vpc-1", subnets: []string{"subnet-1", "subnet-2"}}

// ok says whether a call succeeded; one that did not is a break of the contract.
func (r *run) ok(what string, err error) bool {
	if err != nil {
		r.breaks(what, "failed: %v", err)
	}
	return err == nil
}

// fails demands an error with one of the given codes.
func (r *run) fails(what string, err error, codes ...string) {
	var api smithy.APIError
	switch {
	case err == nil:
		r.breaks(what, "succeeded, want %s", strings.Join(codes, " or "))
	case !errors.As(err, &api) || !slices.Contains(codes, api.ErrorCode()):
		r.breaks(what, "failed: %v, want %s", err, strings.Join(codes, " or "))
	}
}

// equal demands a value.
func (r *run) equal(what string, got, want any) {
	if v := reflect.ValueOf(got); v.Kind() == reflect.Pointer && !v.IsNil() {
		got = v.Elem().Interface()
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		r.breaks(what, "is %v, want %v", got, want)
	}
}

// until polls for a state that takes time.
func (r *run) until(what string, done func() (bool, error)) bool {
	deadline := time.Now().Add(20 * time.Second)
	for {
		switch ok, err := done(); {
		case err != nil:
			return r.ok(what, err)
		case ok:
			return true
		case time.Now().After(deadline):
			return r.ok(what, errors.New("did not come about in 20 seconds"))
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func hold(t *testing.T, c contract, cfg aws.Config, n network) []breach {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	r := &run{Context: ctx, cfg: cfg, network: n}
	c.hold(r)
	return r.broken
}

func TestLocal(t *testing.T) {
	s, err := localaws.Start(t.Context(), localaws.Options{Factor: 3600, NoData: true, Engine: localaws.Process})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	for _, c := range contracts {
		t.Run(c.area+"/"+c.name, func(t *testing.T) {
			for _, broken := range hold(t, c, s.Config(), home) {
				t.Error(broken)
			}
		})
	}
	t.Run("every operation has a contract", func(t *testing.T) { covered(t, s) })
}

// covered fails for every operation that no contract calls: what local AWS has, it is held to.
func covered(t *testing.T, s *localaws.Server) {
	t.Helper()
	called := map[string]bool{}
	for _, call := range s.Calls() {
		called[call.Service+" "+call.Operation] = called[call.Service+" "+call.Operation] || !call.InProcess
	}
	for service, operations := range s.Operations() {
		for _, operation := range operations {
			if !called[service+" "+operation] {
				t.Errorf("no contract calls %s %s", service, operation)
			}
		}
	}
}
