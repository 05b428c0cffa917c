// Package store keeps what is known of environments on AWS: records and slots
// in Parameter Store, ends in EventBridge Scheduler.
package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	tagging "github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	taggingtypes "github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/org/shipkit/pkg/environment"
	"github.com/org/shipkit/pkg/namespace"
)

// The tags of a record. A hundred come back a call, where Parameter Store gives
// ten values a call, so a list is made from them alone.
const (
	tagState   = "shipkit:state"
	tagExpires = "shipkit:expires"
	tagCreated = "shipkit:created"
	tagPull    = "shipkit:pull"
	tagHourly  = "shipkit:hourly"
	tagURL     = "shipkit:url"
	tagSince   = "shipkit:since"
	tagTold    = "shipkit:told"
	tagKind    = "shipkit:backend"
)

// Records keeps each record in a parameter /<namespace>/env/record.
type Records struct {
	SSM     *ssm.Client
	Tagging *tagging.Client
}

var _ environment.Records = Records{}

func recordName(n namespace.Namespace) string { return n.Parameter("env", "record") }

// Get implements environment.Records.
func (s Records) Get(ctx context.Context, n namespace.Namespace) (*environment.Record, error) {
	out, err := s.SSM.GetParameter(ctx, &ssm.GetParameterInput{Name: aws.String(recordName(n))})
	var missing *types.ParameterNotFound
	if errors.As(err, &missing) {
		return nil, nil //nolint:nilnil // the interface says so
	}
	if err != nil {
		return nil, fmt.Errorf("read record of environment %s: %w", n, err)
	}
	var record environment.Record
	if err := json.Unmarshal([]byte(aws.ToString(out.Parameter.Value)), &record); err != nil {
		return nil, fmt.Errorf("read record of environment %s: was %s edited by hand? %w", n, recordName(n), err)
	}
	return &record, nil
}

// Put implements environment.Records. A new record gets its tags in the same
// call, so that there is none which no list shows.
func (s Records) Put(ctx context.Context, n namespace.Namespace, r environment.Record) error {
	text, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("write record of environment %s: %w", n, err)
	}
	in := &ssm.PutParameterInput{
		Name: aws.String(recordName(n)), Value: aws.String(string(text)), Type: types.ParameterTypeString,
		Tags: recordTags(n, r),
	}
	_, err = s.SSM.PutParameter(ctx, in)
	var exists *types.ParameterAlreadyExists
	if errors.As(err, &exists) {
		in.Tags, in.Overwrite = nil, aws.Bool(true)
		if _, err = s.SSM.PutParameter(ctx, in); err == nil {
			_, err = s.SSM.AddTagsToResource(ctx, &ssm.AddTagsToResourceInput{
				ResourceType: types.ResourceTypeForTaggingParameter, ResourceId: in.Name, Tags: recordTags(n, r),
			})
		}
	}
	if err != nil {
		return fmt.Errorf("write record of environment %s: %w", n, err)
	}
	return nil
}

// Delete implements environment.Records.
func (s Records) Delete(ctx context.Context, n namespace.Namespace) error {
	return deleteParameter(ctx, s.SSM, recordName(n))
}

// List implements environment.Records, a hundred records a call.
func (s Records) List(ctx context.Context, repository string) ([]environment.Record, error) {
	pages := tagging.NewGetResourcesPaginator(s.Tagging, &tagging.GetResourcesInput{
		ResourceTypeFilters: []string{"ssm:parameter"}, ResourcesPerPage: aws.Int32(100),
		TagFilters: []taggingtypes.TagFilter{
			{Key: aws.String(namespace.TagRepository), Values: []string{repository}},
			{Key: aws.String(tagExpires)},
		},
	})
	var records []environment.Record
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("list environments of %s: %w", repository, err)
		}
		for _, resource := range page.ResourceTagMappingList {
			tags := map[string]string{}
			for _, tag := range resource.Tags {
				tags[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
			}
			records = append(records, fromTags(tags))
		}
	}
	return records, nil
}

func recordTags(n namespace.Namespace, r environment.Record) []types.Tag {
	tags := n.Tags("", namespace.Origin{Operation: "ephemeral-env", Repository: r.Repository, RunURL: r.RunURL})
	tags[tagState] = string(r.State)
	tags[tagExpires] = r.Expires.UTC().Format(time.RFC3339)
	tags[tagCreated] = r.Created.UTC().Format(time.RFC3339)
	tags[tagSince] = r.Since.UTC().Format(time.RFC3339)
	tags[tagTold] = r.Told.UTC().Format(time.RFC3339)
	tags[tagPull] = strconv.Itoa(r.Pull)
	tags[tagHourly] = strconv.FormatFloat(r.Hourly, 'f', -1, 64)
	tags[tagKind] = r.Kind
	tags[tagURL] = namespace.TagValue(r.URL)
	list := make([]types.Tag, 0, len(tags))
	for key, value := range tags {
		list = append(list, types.Tag{Key: aws.String(key), Value: aws.String(value)})
	}
	slices.SortFunc(list, func(a, b types.Tag) int { return strings.Compare(*a.Key, *b.Key) })
	return list
}

// fromTags reads a record; a tag that somebody has edited leaves its field
// empty, and an empty expiry is in the past: the second look decides.
func fromTags(tags map[string]string) environment.Record {
	record := environment.Record{
		Namespace: tags[namespace.TagNamespace], Repository: tags[namespace.TagRepository],
		Kind: tags[tagKind], State: environment.State(tags[tagState]), URL: tags[tagURL], RunURL: tags[namespace.TagRunURL],
	}
	record.Expires, _ = time.Parse(time.RFC3339, tags[tagExpires])
	record.Created, _ = time.Parse(time.RFC3339, tags[tagCreated])
	record.Since, _ = time.Parse(time.RFC3339, tags[tagSince])
	record.Told, _ = time.Parse(time.RFC3339, tags[tagTold])
	record.Pull, _ = strconv.Atoi(tags[tagPull])
	record.Hourly, _ = strconv.ParseFloat(tags[tagHourly], 64)
	return record
}

func deleteParameter(ctx context.Context, client *ssm.Client, name string) error {
	_, err := client.DeleteParameter(ctx, &ssm.DeleteParameterInput{Name: &name})
	var missing *types.ParameterNotFound
	if err != nil && !errors.As(err, &missing) {
		return fmt.Errorf("delete parameter %s: %w", name, err)
	}
	return nil
}
