// Package tagging is the Resource Groups Tagging API: an index over the tags of all services.
// https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/
package tagging

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi/types"

	"github.com/org/shipkit/internal/localaws/page"
	"github.com/org/shipkit/internal/localaws/wire"
)

// Source calls f with the ARN and the tags of each resource that the caller owns.
type Source interface {
	Tagged(id wire.Identity, f func(arn string, tags map[string]string))
}

// Service answers from its sources.
type Service struct{ sources []Source }

// New returns an index without sources.
func New() *Service { return &Service{} }

// Add makes a service's resources known. Call it before the first request.
func (s *Service) Add(source Source) { s.sources = append(s.sources, source) }

// Wire puts the service on the wire.
func (s *Service) Wire() *wire.Service {
	w := wire.NewService(wire.ServiceInfo{Name: "tagging", Protocol: wire.JSON11, TargetPrefix: "ResourceGroupsTaggingAPI_20170126"})
	wire.Handle(w, "GetResources", s.GetResources)
	return w
}

// GetResources lists resources by ARN, by type ("rds:db", or "rds" for all of a service) and by tags: of each key one
// of the values, any if none is given.
func (s *Service) GetResources(ctx context.Context, in *resourcegroupstaggingapi.GetResourcesInput) (
	*resourcegroupstaggingapi.GetResourcesOutput, error) {
	if len(in.ResourceARNList) > 0 && (len(in.TagFilters) > 0 || len(in.ResourceTypeFilters) > 0) {
		return nil, wire.Errorf("InvalidParameterException", 400,
			"ResourceARNList can't be used together with TagFilters or ResourceTypeFilters")
	}
	found := []types.ResourceTagMapping{}
	for _, source := range s.sources {
		source.Tagged(wire.Caller(ctx), func(arn string, tags map[string]string) {
			if len(tags) > 0 && wanted(in, arn, tags) {
				found = append(found, types.ResourceTagMapping{ResourceARN: aws.String(arn), Tags: render(tags)})
			}
		})
	}
	slices.SortFunc(found, func(a, b types.ResourceTagMapping) int { return strings.Compare(*a.ResourceARN, *b.ResourceARN) })
	token := in.PaginationToken
	if aws.ToString(token) == "" {
		token = nil
	}
	items, next, err := page.Cut(found, token, page.Size(in.ResourcesPerPage, 100), "PaginationTokenExpiredException")
	if err != nil {
		return nil, err
	}
	if next == nil {
		next = aws.String("") // this API ends its pages with an empty token
	}
	return &resourcegroupstaggingapi.GetResourcesOutput{ResourceTagMappingList: items, PaginationToken: next}, nil
}

func wanted(in *resourcegroupstaggingapi.GetResourcesInput, arn string, tags map[string]string) bool {
	if len(in.ResourceARNList) > 0 {
		return slices.Contains(in.ResourceARNList, arn)
	}
	if len(in.ResourceTypeFilters) > 0 && !slices.ContainsFunc(in.ResourceTypeFilters, func(t string) bool { return isType(arn, t) }) {
		return false
	}
	for _, f := range in.TagFilters {
		value, tagged := tags[aws.ToString(f.Key)]
		if !tagged || len(f.Values) > 0 && !slices.Contains(f.Values, value) {
			return false
		}
	}
	return true
}

// isType says whether an ARN is of a type: arn:aws:rds:eu-west-1:111122223333:db:main is rds:db, and
// arn:aws:ecs:…:service/main/web is ecs:service.
func isType(arn, want string) bool {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 {
		return false
	}
	service, kind, specific := strings.Cut(want, ":")
	resource, _, _ := strings.Cut(strings.ReplaceAll(parts[5], "/", ":"), ":")
	return parts[2] == service && (!specific || kind == resource)
}

func render(tags map[string]string) []types.Tag {
	out := make([]types.Tag, 0, len(tags))
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		out = append(out, types.Tag{Key: aws.String(k), Value: aws.String(tags[k])})
	}
	return out
}
