package ecs

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/org/shipkit/internal/localaws/wire"
)

// state is what survives a restart: clusters, task definitions, services and their deployments. Tasks do not; services
// start theirs again, from the deployment that served last.
type state struct {
	Families map[string][]savedDefinition
	Clusters []savedCluster
}

type savedDefinition struct {
	types.TaskDefinition
	RevisionTags []types.Tag
}

type savedCluster struct {
	ARN, Name, Status string
	Caller            wire.Identity
	Settings          []types.ClusterSetting
	Providers         []string
	Tags              []types.Tag
	Services          []savedService
}

type savedService struct {
	Name, ARN, CreatedBy string
	Controller           types.DeploymentControllerType
	Created              time.Time
	Settings             savedSettings
	Tags                 []types.Tag
	Events               []types.ServiceEvent
	History              []savedRollout
	Serving              string // ID of the deployment
}

type savedSettings struct {
	Family     string // key of the family
	Revision   int32
	Desired    int
	Config     *types.DeploymentConfiguration
	Balancers  []types.LoadBalancer
	Grace      time.Duration
	Launch     types.LaunchType
	Network    *types.NetworkConfiguration
	Strategy   []types.CapacityProviderStrategyItem
	Exec, Tags bool
	Propagate  types.PropagateTags
}

type savedRollout struct {
	ARN, Reason                                  string
	Config                                       types.DeploymentConfiguration
	Status                                       types.ServiceDeploymentStatus
	Stage                                        types.ServiceDeploymentLifecycleStage
	Created, Started, Updated, Finished, Stopped time.Time
	Back                                         *types.Rollback
	Target                                       savedDeployment
	Source                                       []string // IDs of deployments
}

type savedDeployment struct {
	ID, Reason, RevisionARN string
	Settings                savedSettings
	Groups                  []string
	Digests                 map[string]string
	Rollout                 types.DeploymentRolloutState
	Created, Updated        time.Time
	Failed                  int
	Weight                  float64
}

// Save returns everything but tasks for a later Load.
func (s *Service) Save() ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := state{Families: map[string][]savedDefinition{}}
	for key, family := range s.families {
		for _, r := range family {
			st.Families[key] = append(st.Families[key], savedDefinition{r.TaskDefinition, r.tags})
		}
	}
	for _, key := range slices.Sorted(maps.Keys(s.clusters)) {
		c := s.clusters[key]
		saved := savedCluster{ARN: c.arn, Name: c.name, Status: c.status, Caller: c.caller, Settings: c.settings,
			Providers: c.providers, Tags: c.tags}
		for _, name := range slices.Sorted(maps.Keys(c.services)) {
			if c.services[name].status == "ACTIVE" {
				saved.Services = append(saved.Services, c.services[name].save())
			}
		}
		st.Clusters = append(st.Clusters, saved)
	}
	data, err := json.Marshal(st)
	if err != nil {
		return nil, fmt.Errorf("save clusters: %w", err)
	}
	return data, nil
}

func (svc *service) save() savedService {
	saved := savedService{Name: svc.name, ARN: svc.arn, Created: svc.created, CreatedBy: svc.createdBy,
		Controller: svc.controller, Settings: svc.settings.save(svc.cluster), Tags: svc.tags, Events: svc.events}
	for _, r := range svc.history {
		x := savedRollout{ARN: r.arn, Reason: r.reason, Config: r.config, Status: r.status, Stage: r.stage, Created: r.created,
			Started: r.started, Updated: r.updated, Finished: r.finished, Stopped: r.stopped, Back: r.back, Target: r.target.save()}
		for _, d := range r.source {
			x.Source = append(x.Source, d.id)
		}
		saved.History = append(saved.History, x)
	}
	if serving := byTraffic(svc.live); len(serving) > 0 {
		saved.Serving = serving[0].id
	}
	return saved
}

func (set settings) save(c *cluster) savedSettings {
	return savedSettings{
		Family: familyKey(c.caller, *set.def.Family), Revision: set.def.Revision, Desired: set.desired, Config: set.config,
		Balancers: set.balancers, Grace: set.grace, Launch: set.launch, Network: set.network, Strategy: set.strategy,
		Exec: set.exec, Tags: set.managed, Propagate: set.propagate,
	}
}

func (d *deployment) save() savedDeployment {
	return savedDeployment{ID: d.id, Reason: d.reason, RevisionARN: d.rev.arn, Settings: d.rev.settings.save(d.service.cluster),
		Groups: d.rev.groups, Digests: d.rev.digests, Rollout: d.rollout, Created: d.created, Updated: d.updated,
		Failed: d.failed, Weight: d.weight}
}

// Load restores what Save returned and starts the services' tasks.
func (s *Service) Load(data []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var st state
	if err := json.Unmarshal(data, &st); err != nil {
		return fmt.Errorf("load clusters: %w", err)
	}
	for key, family := range st.Families {
		for _, saved := range family {
			s.families[key] = append(s.families[key], &revision{TaskDefinition: saved.TaskDefinition, tags: saved.RevisionTags})
		}
	}
	for _, saved := range st.Clusters {
		c := &cluster{arn: saved.ARN, name: saved.Name, status: saved.Status, caller: saved.Caller, settings: saved.Settings,
			providers: saved.Providers, tags: saved.Tags, services: map[string]*service{}, tasks: map[string]*task{}}
		s.clusters[c.arn] = c
		for _, x := range saved.Services {
			svc, err := s.loadService(c, x)
			if err != nil {
				return fmt.Errorf("load the service %s: %w", x.Name, err)
			}
			c.services[svc.name] = svc
			s.spawn(func() { s.schedule(svc) })
		}
	}
	return nil
}

// loadService restores a service with its deployments. One that was in progress is stopped.
func (s *Service) loadService(c *cluster, saved savedService) (*service, error) {
	set, err := s.loadSettings(saved.Settings)
	if err != nil {
		return nil, err
	}
	svc := &service{name: saved.Name, arn: saved.ARN, cluster: c, created: saved.Created, createdBy: saved.CreatedBy,
		status: "ACTIVE", controller: saved.Controller, settings: set, tags: saved.Tags, events: saved.Events, woken: make(chan struct{}, 1)}
	byID := map[string]*deployment{}
	for i := len(saved.History) - 1; i >= 0; i-- { // the oldest first: later ones name it as their source
		x := saved.History[i]
		set, err := s.loadSettings(x.Target.Settings)
		if err != nil {
			return nil, err
		}
		d := loadDeployment(svc, set, x.Target)
		byID[d.id] = d
		r := &rollout{arn: x.ARN, service: svc, reason: x.Reason, config: x.Config, status: x.Status, stage: x.Stage,
			created: x.Created, started: x.Started, updated: x.Updated, finished: x.Finished, stopped: x.Stopped, back: x.Back, target: d}
		for _, id := range x.Source {
			if source := byID[id]; source != nil {
				r.source = append(r.source, source)
			}
		}
		svc.history = append([]*rollout{r}, svc.history...)
		if r.finished.IsZero() {
			s.finish(r, types.ServiceDeploymentStatusStopped, "local AWS was restarted.")
		}
	}
	if serving := byID[saved.Serving]; serving != nil {
		serving.status, serving.weight = "PRIMARY", 100
		serving.say(s.Clock.Now(), types.DeploymentRolloutStateCompleted, "completed")
		svc.settings = serving.rev.settings.keepScale(svc.settings)
		svc.live = []*deployment{serving}
	}
	return svc, nil
}

func (s *Service) loadSettings(saved savedSettings) (settings, error) {
	family := s.families[saved.Family]
	if saved.Revision < 1 || int(saved.Revision) > len(family) {
		return settings{}, fmt.Errorf("task definition %s:%d is missing", saved.Family, saved.Revision)
	}
	return settings{
		def: family[saved.Revision-1], desired: saved.Desired, config: cmp.Or(saved.Config, &types.DeploymentConfiguration{}),
		balancers: saved.Balancers, grace: saved.Grace, launch: saved.Launch, network: saved.Network, strategy: saved.Strategy,
		exec: saved.Exec, managed: saved.Tags, propagate: saved.Propagate,
	}, nil
}

func loadDeployment(svc *service, set settings, saved savedDeployment) *deployment {
	if saved.Digests == nil {
		saved.Digests = map[string]string{}
	}
	return &deployment{
		id: saved.ID, service: svc, status: "INACTIVE", reason: saved.Reason, rollout: saved.Rollout, created: saved.Created,
		updated: saved.Updated, failed: saved.Failed, weight: saved.Weight,
		rev: &serviceRevision{arn: saved.RevisionARN, def: set.def, balancers: set.balancers, groups: saved.Groups,
			digests: saved.Digests, created: saved.Created, settings: set},
	}
}
