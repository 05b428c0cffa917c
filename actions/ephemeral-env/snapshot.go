package ephemeralenv

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/org/shipkit/pkg/diag"
	"github.com/org/shipkit/pkg/snapshot/database"
)

// snapshotID is the snapshot that the environment's database is restored from,
// "" for none. Of the source's snapshots a masked one comes before any other.
// An environment that is there keeps its own: another one would replace its
// database.
func (j *job) snapshotID(ctx context.Context) (string, error) {
	switch j.in.DBSnapshot {
	case "none":
		return "", nil
	case "latest":
	default:
		return j.in.DBSnapshot, nil
	}
	status, err := j.manager.Backend.Look(ctx, j.subject.env)
	if err != nil {
		return "", err //nolint:wrapcheck // it names the environment
	}
	if status != nil && status.Outputs[snapshotOutput] != "" {
		return status.Outputs[snapshotOutput], nil
	}
	return j.newest(ctx)
}

// snapshotOutput is the output that names an environment's snapshot.
const snapshotOutput = "Snapshot"

// newest is the newest snapshot of the source that promote-snapshot has made.
func (j *job) newest(ctx context.Context) (string, error) {
	source, err := j.subject.base.In(j.in.DBSource)
	if err != nil {
		return "", fmt.Errorf("input db-source: %w", err)
	}
	var newest string
	var at time.Time
	masked := false
	pages := rds.NewDescribeDBSnapshotsPaginator(j.databases.Client, &rds.DescribeDBSnapshotsInput{SnapshotType: aws.String("manual")})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return "", fmt.Errorf("list snapshots of %s: %w", source, err)
		}
		for _, s := range page.DBSnapshots {
			id := aws.ToString(s.DBSnapshotIdentifier)
			safe := strings.HasPrefix(id, source.Masked(""))
			ours := safe || strings.HasPrefix(id, source.Snapshot(""))
			if !ours || !source.Owns(tagsOf(s), "") || aws.ToString(s.Status) != database.Available || masked && !safe {
				continue
			}
			if created := aws.ToTime(s.SnapshotCreateTime); safe && !masked || created.After(at) {
				newest, at, masked = id, created, safe
			}
		}
	}
	if newest == "" {
		return "", &diag.Diagnostic{
			Summary: fmt.Sprintf("input db-snapshot: latest given, but %s has no snapshot of promote-snapshot", source),
			Try:     "db-snapshot: none, or a snapshot's identifier",
		}
	}
	return newest, nil
}

func tagsOf(s types.DBSnapshot) map[string]string {
	tags := map[string]string{}
	for _, tag := range s.TagList {
		tags[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
	}
	return tags
}
