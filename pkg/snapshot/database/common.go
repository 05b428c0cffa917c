package database

import (
	"context"
	"errors"
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
		return NewClusters(client)
	}
	return NewInstances(client)
}

// KindOf returns the kind that the name of an engine implies: Aurora is
// clustered.
func KindOf(engine string) Kind {
	if strings.HasPrefix(engine, "aurora") {
		return Cluster
	}
	return Instance
}

// one returns the only thing that was described; nil if RDS knows none, which
// it says with an error of type M.
func one[M error, T any](what, id string, err error, found func() []T) (*T, error) {
	var missing M
	if errors.As(err, &missing) {
		return nil, nil //nolint:nilnil // it says so
	}
	if err != nil {
		return nil, fmt.Errorf("describe %s %s: %w", what, id, err)
	}
	if list := found(); len(list) > 0 {
		return &list[0], nil
	}
	return nil, nil //nolint:nilnil // it says so
}

// unless takes an error of type M for success.
func unless[M error](err error, format string, args ...any) error {
	var expected M
	if err == nil || errors.As(err, &expected) {
		return nil
	}
	return fmt.Errorf(format+": %w", append(args, err)...)
}

// when forgives a refusal because of a database's state, which RDS says with an
// error of type M, unless it is in the state that allows it: then something else
// is in the way.
func when[M error](ctx context.Context, e Engine, id, status string, err error) error {
	var refused M
	if !errors.As(err, &refused) {
		return err
	}
	db, look := e.Database(ctx, id)
	if look != nil || db == nil || db.Status != status {
		return look
	}
	return err
}

// adopted accepts a snapshot that exists already, which RDS says with an error
// of type X, if an earlier run of the same promotion made it.
func adopted[X error](ctx context.Context, e Engine, err error, id string, tags map[string]string) error {
	var exists X
	if !errors.As(err, &exists) {
		return err
	}
	found, err := e.Snapshot(ctx, id)
	if err != nil || found == nil {
		return err // made a moment ago, not listed yet: the next look finds it
	}
	for _, tag := range []string{namespace.TagNamespace, namespace.TagTimestamp} {
		if found.Tags[tag] != tags[tag] {
			return fmt.Errorf("snapshot %s exists already and is not ours: its tag %s is %q, ours would be %q",
				id, tag, found.Tags[tag], tags[tag])
		}
	}
	return nil
}

// shared is set when a snapshot is named by its ARN: it may be another
// account's.
func shared(idOrARN string) *bool { return aws.Bool(strings.HasPrefix(idOrARN, "arn:")) }

// optional leaves an empty text out of a request.
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func securityGroups(list []types.VpcSecurityGroupMembership) []string {
	ids := make([]string, 0, len(list))
	for _, group := range list {
		ids = append(ids, aws.ToString(group.VpcSecurityGroupId))
	}
	return ids
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
