package rds

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
)

// saved is what survives a restart of the program, beside the data folders.
type saved struct {
	Serial int
	Places []*state
}

// Save returns all that the service knows.
func (s *Service) Save() ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := saved{Serial: s.serial}
	keys := map[string]*state{}
	for p, st := range s.places {
		keys[p.Account+p.Region] = st
	}
	all.Places = inOrder(keys)
	data, err := json.Marshal(all)
	if err != nil {
		return nil, fmt.Errorf("save the databases: %w", err)
	}
	return data, nil
}

// Load takes up what Save returned. Databases start again; what was under way
// when the program ended has failed.
func (s *Service) Load(data []byte) error {
	var all saved
	if err := json.Unmarshal(data, &all); err != nil {
		return fmt.Errorf("load the databases: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.serial = all.Serial
	for _, st := range all.Places {
		s.places[st.place] = st
		for _, k := range []*kind{instanceKind, clusterKind} {
			for _, p := range k.snapshots(st) {
				p.settle(k)
			}
		}
		for _, i := range st.Instances {
			if err := s.resumeInstance(i); err != nil {
				return err
			}
		}
		for _, c := range st.Clusters {
			if err := s.resumeCluster(st, c); err != nil {
				return err
			}
		}
	}
	return nil
}

// settle ends a snapshot that was under way.
func (p *snapshot) settle(k *kind) {
	p.kind = k
	if p.Status == creating || p.Status == copying {
		p.Status = failed
	}
}

// resumeInstance brings an instance back to the state that it was in or on the
// way to. The lock is held.
func (s *Service) resumeInstance(i *instance) error {
	if i.DBClusterIdentifier != nil {
		if aws.ToString(i.DBInstanceStatus) != stopped {
			s.setInstance(i, available)
		}
		return nil
	}
	port := int32(0)
	if i.Endpoint != nil {
		port = aws.ToInt32(i.Endpoint.Port)
	}
	started, err := s.reopen(i.Engine, &i.database, port, aws.ToString(i.DBInstanceStatus))
	switch {
	case err != nil:
		return fmt.Errorf("instance %s: %w", *i.DBInstanceIdentifier, err)
	case started:
		s.setInstance(i, available)
		i.Endpoint = &types.Endpoint{Address: &s.options.Address, Port: i.port(portOf(i.Engine)),
			HostedZoneId: new("ZLOCAL")}
	case aws.ToString(i.DBInstanceStatus) != stopped:
		s.setInstance(i, badRestore)
	}
	return nil
}

func (s *Service) resumeCluster(st *state, c *cluster) error {
	started, err := s.reopen(c.Engine, &c.database, aws.ToInt32(c.Port), aws.ToString(c.Status))
	switch {
	case err != nil:
		return fmt.Errorf("cluster %s: %w", *c.DBClusterIdentifier, err)
	case started:
		c.Status, c.Port = new(available), c.port(*c.Port)
		for _, i := range st.members(*c.DBClusterIdentifier) {
			i.Endpoint = &types.Endpoint{Address: c.Endpoint, Port: c.Port, HostedZoneId: new("ZLOCAL")}
		}
	case aws.ToString(c.Status) != stopped:
		c.Status = new(badRestore)
	}
	return nil
}

// reopen opens a database's data and starts its server, unless it was stopped.
// Data that is not there yet never will be.
func (s *Service) reopen(name *string, d *database, port int32, status string) (started bool, err error) {
	run, err := s.serversOf(name)
	if err != nil {
		return false, err
	}
	if run == nil {
		return status != stopped, nil
	}
	if d.server, err = run.Open(d.Folder, int(port)); err != nil {
		return false, nil //nolint:nilerr // it was being created
	}
	if status == stopped || status == stopping {
		return false, nil
	}
	return true, d.server.Start(context.Background())
}
