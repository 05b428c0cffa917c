package rds

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/org/shipkit/internal/localaws/wire"
)

// The states that transitions test for, as DescribeDBInstances and its
// relatives spell them.
const (
	available   = "available"
	creating    = "creating"
	copying     = "copying"
	backingUp   = "backing-up"
	modifying   = "modifying"
	deleting    = "deleting"
	stopping    = "stopping"
	stopped     = "stopped"
	starting    = "starting"
	failed      = "failed"
	badRestore  = "incompatible-restore"
	badNetwork  = "incompatible-network"
	allAccounts = "all"
)

// place is an account and a region: every identifier is unique in one.
type place struct{ Account, Region string }

// state is what one place holds, by lower-case identifier.
type state struct {
	place                  `json:"Place"`
	Instances              map[string]*instance
	Clusters               map[string]*cluster
	Snapshots              map[string]*snapshot // of instances
	ClusterSnapshots       map[string]*snapshot
	SubnetGroups           map[string]*subnetGroup
	ParameterGroups        map[string]*parameterGroup
	ClusterParameterGroups map[string]*parameterGroup
}

type instance struct {
	types.DBInstance
	database
}

type cluster struct {
	types.DBCluster
	database
}

// here returns the state of the caller's account and region. The lock is held.
func (s *Service) here(ctx context.Context) *state {
	c := wire.Caller(ctx)
	return s.at(place{c.AccountID, c.Region})
}

func (s *Service) at(p place) *state {
	st := s.places[p]
	if st == nil {
		st = &state{
			place: p, Instances: map[string]*instance{}, Clusters: map[string]*cluster{},
			Snapshots: map[string]*snapshot{}, ClusterSnapshots: map[string]*snapshot{},
			SubnetGroups: map[string]*subnetGroup{}, ParameterGroups: map[string]*parameterGroup{},
			ClusterParameterGroups: map[string]*parameterGroup{},
		}
		s.places[p] = st
	}
	return st
}

// arn names a resource of a kind: db, cluster, snapshot, cluster-snapshot,
// subgrp, pg, cluster-pg.
func (p place) arn(kind, id string) string {
	return fmt.Sprintf("arn:aws:rds:%s:%s:%s:%s", p.Region, p.Account, kind, id)
}

// key returns the identifier under which a name or an ARN of this place is
// kept.
func key(name *string) string {
	id := aws.ToString(name)
	if parsed, err := arn.Parse(id); err == nil {
		if _, rest, ok := strings.Cut(parsed.Resource, ":"); ok {
			id = rest
		}
	}
	return strings.ToLower(id)
}

func (st *state) instance(name *string) (*instance, error) {
	if i := st.Instances[key(name)]; i != nil {
		return i, nil
	}
	return nil, wire.Errorf("DBInstanceNotFound", 404, "DBInstance %s not found.", key(name))
}

func (st *state) cluster(name *string) (*cluster, error) {
	if c := st.Clusters[key(name)]; c != nil {
		return c, nil
	}
	return nil, wire.Errorf("DBClusterNotFoundFault", 404, "DBCluster %s not found.", key(name))
}

var identifier = regexp.MustCompile(`^[a-zA-Z](-?[a-zA-Z0-9])*$`)

// newID validates an identifier that a caller chose and returns it in lower
// case, as RDS stores it.
func newID(parameter string, value *string, limit int) (string, error) {
	id := aws.ToString(value)
	if id == "" {
		return "", invalid("The parameter %s must be provided and must not be blank.", parameter)
	}
	if len(id) > limit {
		return "", invalid("The parameter %s is not a valid identifier because it is longer than %d characters.",
			parameter, limit)
	}
	if !identifier.MatchString(id) {
		return "", invalid("The parameter %s is not a valid identifier. Identifiers must begin with a letter; "+
			"must contain only ASCII letters, digits, and hyphens; and must not end with a hyphen or contain two consecutive hyphens.", parameter)
	}
	return strings.ToLower(id), nil
}

func invalid(format string, args ...any) error {
	return wire.Errorf("InvalidParameterValue", 400, format, args...)
}

func combination(format string, args ...any) error {
	return wire.Errorf("InvalidParameterCombination", 400, format, args...)
}
