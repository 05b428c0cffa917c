// Package ec2 knows security groups and the networks that they are of. Nothing is filtered: they are there to be named,
// and looked up. A network is a name, as a subnet is.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/
package ec2

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/org/shipkit/internal/localaws/kept"
	"github.com/org/shipkit/internal/localaws/wire"
)

// Each account and region has a network, and in it a security group that is taken where none is named.
const (
	VPC          = "vpc-local"
	DefaultGroup = "sg-00000000000000def"
)

// Service is EC2, as far as security groups go.
type Service struct {
	kept.State

	mu     sync.Mutex
	groups map[string]map[string]group // by account/region and ID
}

type group struct{ ID, Name, Description, VPC string }

// New returns a service that has the default groups only.
func New() *Service {
	s := &Service{groups: map[string]map[string]group{}}
	s.State = kept.Of(&s.mu, &s.groups)
	return s
}

// Wire puts the service on the wire.
func (s *Service) Wire() *wire.Service {
	w := wire.NewService(wire.ServiceInfo{Name: "ec2", Protocol: wire.EC2, Namespace: "http://ec2.amazonaws.com/doc/2016-11-15/"})
	wire.Handle(w, "CreateSecurityGroup", s.CreateSecurityGroup)
	wire.Handle(w, "DescribeSecurityGroups", s.DescribeSecurityGroups)
	wire.Handle(w, "DeleteSecurityGroup", s.DeleteSecurityGroup)
	return w
}

// Seed makes a group whose ID the caller chooses.
func (s *Service) Seed(account, region, id, vpc string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at(wire.Identity{AccountID: account, Region: region})[id] = group{ID: id, Name: id, Description: id, VPC: vpc}
}

// at returns the groups of an account and region. The lock is held.
func (s *Service) at(id wire.Identity) map[string]group {
	place := id.Scope()
	if s.groups[place] == nil {
		s.groups[place] = map[string]group{
			DefaultGroup: {ID: DefaultGroup, Name: "default", Description: "default VPC security group", VPC: VPC},
		}
	}
	return s.groups[place]
}

// CreateSecurityGroup makes a group; without a network in the default one.
func (s *Service) CreateSecurityGroup(ctx context.Context, in *ec2.CreateSecurityGroupInput) (*ec2.CreateSecurityGroupOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	caller := wire.Caller(ctx)
	here := s.at(caller)
	g := group{Name: *in.GroupName, Description: *in.Description, VPC: cmp.Or(aws.ToString(in.VpcId), VPC)}
	if strings.HasPrefix(g.Name, "sg-") {
		return nil, wire.Errorf("InvalidParameterValue", 400, "Invalid value '%s' for groupName. Group names may not be in the format sg-*.", g.Name)
	}
	for _, other := range here {
		if other.Name == g.Name && other.VPC == g.VPC {
			return nil, wire.Errorf("InvalidGroup.Duplicate", 400, "The security group '%s' already exists for VPC '%s'", g.Name, g.VPC)
		}
	}
	var b [9]byte
	_, _ = rand.Read(b[:]) // never fails
	g.ID = "sg-" + fmt.Sprintf("%x", b)[:17]
	here[g.ID] = g
	return &ec2.CreateSecurityGroupOutput{GroupId: &g.ID, SecurityGroupArn: aws.String(caller.Resource("ec2", "security-group/"+g.ID))}, nil
}

// idForm is that of https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/resource-ids.html.
var idForm = regexp.MustCompile(`^sg-([0-9a-f]{8}|[0-9a-f]{17})$`)

func missing(id string) error {
	if !idForm.MatchString(id) {
		return wire.Errorf("InvalidGroupId.Malformed", 400, "Invalid id: \"%s\" (expecting \"sg-...\")", id)
	}
	return wire.Errorf("InvalidGroup.NotFound", 400, "The security group '%s' does not exist", id)
}

// DescribeSecurityGroups tells of groups by ID, all of which must be there, and by filters, which find what there is.
func (s *Service) DescribeSecurityGroups(ctx context.Context, in *ec2.DescribeSecurityGroupsInput) (*ec2.DescribeSecurityGroupsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	caller := wire.Caller(ctx)
	here := s.at(caller)
	for _, id := range in.GroupIds {
		if _, ok := here[id]; !ok {
			return nil, missing(id)
		}
	}
	out := &ec2.DescribeSecurityGroupsOutput{SecurityGroups: []types.SecurityGroup{}}
	for _, id := range slices.Sorted(maps.Keys(here)) {
		g := here[id]
		fits := len(in.GroupIds) == 0 || slices.Contains(in.GroupIds, id)
		for _, filter := range in.Filters {
			ok, err := g.fits(filter)
			if err != nil {
				return nil, err
			}
			fits = fits && ok
		}
		if fits {
			out.SecurityGroups = append(out.SecurityGroups, types.SecurityGroup{
				GroupId: &g.ID, GroupName: &g.Name, Description: &g.Description, VpcId: &g.VPC, OwnerId: &caller.AccountID,
				SecurityGroupArn: aws.String(caller.Resource("ec2", "security-group/"+id)),
			})
		}
	}
	return out, nil
}

func (g group) fits(filter types.Filter) (bool, error) {
	facts := map[string]string{"group-id": g.ID, "group-name": g.Name, "vpc-id": g.VPC}
	fact, known := facts[aws.ToString(filter.Name)]
	if !known {
		return false, wire.Errorf("InvalidParameterValue", 400, "The filter '%s' is invalid", aws.ToString(filter.Name))
	}
	return slices.Contains(filter.Values, fact), nil
}

// DeleteSecurityGroup deletes a group that is not the default one.
func (s *Service) DeleteSecurityGroup(ctx context.Context, in *ec2.DeleteSecurityGroupInput) (*ec2.DeleteSecurityGroupOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id, here := aws.ToString(in.GroupId), s.at(wire.Caller(ctx))
	if _, ok := here[id]; !ok {
		return nil, missing(id)
	}
	if id == DefaultGroup {
		return nil, wire.Errorf("CannotDelete", 400, "the specified group: \"%s\" name: \"default\" cannot be deleted by a user", id)
	}
	delete(here, id)
	return &ec2.DeleteSecurityGroupOutput{GroupId: &id, Return: aws.Bool(true)}, nil
}
