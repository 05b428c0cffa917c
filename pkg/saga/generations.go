package saga

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
)

func (l *lease) name(generation int) string { return l.prefix + "/" + strconv.Itoa(generation) }

func (l *lease) put(ctx context.Context, generation int, record leaseRecord, overwrite bool) error {
	text, err := json.Marshal(record)
	if err != nil {
		return fmt.Errorf("write lock %s: %w", l.prefix, err)
	}
	_, err = l.parameters.PutParameter(ctx, &ssm.PutParameterInput{
		Name: aws.String(l.name(generation)), Value: aws.String(string(text)),
		Type: types.ParameterTypeString, Overwrite: aws.Bool(overwrite),
	})
	if err != nil {
		return fmt.Errorf("write lock %s: %w", l.name(generation), err)
	}
	return nil
}

// readTries bounds how long a parameter that exists may look missing.
const readTries = 5

// read returns a generation that exists: somebody else has just created it, so
// a read that does not see it yet is stale and is tried again. If it stays
// missing it has been pruned, and a later one is there.
func (l *lease) read(ctx context.Context, generation int) (leaseRecord, error) {
	for range readTries {
		out, err := l.parameters.GetParameter(ctx, &ssm.GetParameterInput{Name: aws.String(l.name(generation))})
		if err == nil {
			return parseRecord(out.Parameter)
		}
		var missing *types.ParameterNotFound
		if !errors.As(err, &missing) {
			return leaseRecord{}, fmt.Errorf("read lock %s: %w", l.name(generation), err)
		}
		if err := (WallClock{}).Sleep(ctx, time.Second); err != nil {
			return leaseRecord{}, err
		}
	}
	return leaseRecord{Released: true}, nil
}

func (l *lease) list(ctx context.Context) (map[int]leaseRecord, error) {
	records := map[int]leaseRecord{}
	pages := ssm.NewGetParametersByPathPaginator(l.parameters, &ssm.GetParametersByPathInput{Path: &l.prefix})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("read lock %s: %w", l.prefix, err)
		}
		l.set(Skew(page.ResultMetadata))
		for i := range page.Parameters {
			generation, err := strconv.Atoi(path.Base(aws.ToString(page.Parameters[i].Name)))
			if err != nil {
				continue // not one of ours
			}
			if records[generation], err = parseRecord(&page.Parameters[i]); err != nil {
				return nil, err
			}
		}
	}
	return records, nil
}

// latest is the highest generation; 0 if there is none.
func latest(records map[int]leaseRecord) int {
	top := 0
	for generation := range records {
		top = max(top, generation)
	}
	return top
}

func parseRecord(p *types.Parameter) (leaseRecord, error) {
	var record leaseRecord
	if err := json.Unmarshal([]byte(aws.ToString(p.Value)), &record); err != nil {
		return record, fmt.Errorf("read lock %s: it is not what was written there, was it edited by hand? %w", aws.ToString(p.Name), err)
	}
	return record, nil
}

// prune removes generations that no stale list can bring back.
func (l *lease) prune(ctx context.Context, records map[int]leaseRecord) error {
	for generation := range records {
		if generation > l.generation-keepGenerations {
			continue
		}
		if err := remove(ctx, l.parameters, l.name(generation)); err != nil {
			return err
		}
	}
	return nil
}
