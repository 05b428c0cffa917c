package database

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/org/shipkit/pkg/namespace"
)

// Of returns the engine of a kind.
func Of(kind Kind, client *rds.Client) Engine {
	if kind == Cluster {
		return Clusters{Client: client}
	}
	return Instances{Client: client}
}

// KindOf returns the kind that the name of an engine implies: Aurora is
// clustered.
func KindOf(engine string) Kind {
	if strings.HasPrefix(engine, "aurora") {
		return Cluster
	}
	return Instance
}

// shared is set when a snapshot is named by its ARN: it may be another
// account's.
func shared(idOrARN string) *bool { return aws.Bool(strings.HasPrefix(idOrARN, "arn:")) }

// copyTags is set only if no tags are given: RDS takes one or the other.
func copyTags(c Copy) *bool { return aws.Bool(len(c.Tags) == 0) }

// adopt accepts a snapshot that exists already if an earlier run of the same
// promotion made it.
func adopt(found *Snapshot, id string, tags map[string]string) error {
	if found == nil {
		return nil // made a moment ago, not listed yet: the next look finds it
	}
	for _, tag := range []string{namespace.TagNamespace, namespace.TagTimestamp} {
		if found.Tags[tag] != tags[tag] {
			return fmt.Errorf("snapshot %s exists already and is not ours: its tag %s is %q, ours would be %q",
				id, tag, found.Tags[tag], tags[tag])
		}
	}
	return nil
}

func versionOffered(ctx context.Context, client *rds.Client, engine, version string) (bool, error) {
	out, err := client.DescribeDBEngineVersions(ctx, &rds.DescribeDBEngineVersionsInput{
		Engine: &engine, EngineVersion: &version,
	})
	if err != nil {
		return false, fmt.Errorf("look up engine %s %s: %w", engine, version, err)
	}
	return len(out.DBEngineVersions) > 0, nil
}

func toTags(tags map[string]string) []types.Tag {
	list := make([]types.Tag, 0, len(tags))
	for key, value := range tags {
		list = append(list, types.Tag{Key: aws.String(key), Value: aws.String(value)})
	}
	slices.SortFunc(list, func(a, b types.Tag) int { return strings.Compare(*a.Key, *b.Key) })
	return list
}

func fromTags(list []types.Tag) map[string]string {
	tags := make(map[string]string, len(list))
	for _, tag := range list {
		tags[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
	}
	return tags
}
