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
	databases, clusters, balancers, repositories, stacks, tagged)

// run is one contract against one AWS. What does not hold is collected rather than failed, so that a listed difference
// can be told from a fault.
type run struct {
	context.Context //nolint:containedctx // the contract's calls take the run as their context

	network

	cfg    aws.Config
	broken []string
}

// network is where load balancers and databases stand.
type network struct {
	vpc     string
	subnets []string
}

// home is local AWS's network: it has no EC2, and takes any name.
var home = network{vpc: "vpc-1", subnets: []string{"subnet-1", "subnet-2"}}

// ok says whether a call succeeded; one that did not is a break of the contract.
func (r *run) ok(what string, err error) bool {
	if err != nil {
		r.broken = append(r.broken, fmt.Sprintf("%s: %v", what, err))
	}
	return err == nil
}

// fails demands an error with one of the given codes.
func (r *run) fails(what string, err error, codes ...string) {
	var api smithy.APIError
	switch {
	case err == nil:
		r.broken = append(r.broken, fmt.Sprintf("%s succeeded, want %s", what, strings.Join(codes, " or ")))
	case !errors.As(err, &api) || !slices.Contains(codes, api.ErrorCode()):
		r.broken = append(r.broken, fmt.Sprintf("%s: %v, want %s", what, err, strings.Join(codes, " or ")))
	}
}

// equal demands a value.
func (r *run) equal(what string, got, want any) {
	if v := reflect.ValueOf(got); v.Kind() == reflect.Pointer && !v.IsNil() {
		got = v.Elem().Interface()
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		r.broken = append(r.broken, fmt.Sprintf("%s is %v, want %v", what, got, want))
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

func hold(t *testing.T, c contract, cfg aws.Config, n network) []string {
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

// heldElsewhere are services whose behaviour no judge models; their own packages hold them.
var heldElsewhere = []string{"ecs", "monitoring"}

// uncovered are operations that no contract calls, with the test that does.
var uncovered = map[string]string{}

func covered(t *testing.T, s *localaws.Server) {
	called := map[string]bool{}
	for _, call := range s.Calls() {
		called[call.Service+" "+call.Operation] = true
	}
	for service, operations := range s.Operations() {
		if slices.Contains(heldElsewhere, service) {
			continue
		}
		for _, operation := range operations {
			name := service + " " + operation
			switch {
			case !called[name] && uncovered[name] == "":
				t.Errorf("no contract calls %s", name)
			case called[name] && uncovered[name] != "":
				t.Errorf("%s is called, but listed as uncovered", name)
			}
		}
	}
}
