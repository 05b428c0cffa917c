package snapshot

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/org/shipkit/pkg/diag"
	"github.com/org/shipkit/pkg/namespace"
	"github.com/org/shipkit/pkg/saga"
)

// book keeps the pointer and the facts in Parameter Store.
type book struct {
	parameters saga.Parameters
	namespace  namespace.Namespace
}

// active returns the version in use; "" before the first promotion.
func (b book) active(ctx context.Context) (namespace.Timestamp, error) {
	value, err := b.get(ctx, b.namespace.Active())
	if err != nil {
		return "", err
	}
	return b.version(value)
}

// version reads the pointer's value.
func (b book) version(value string) (namespace.Timestamp, error) {
	if value = strings.TrimSpace(value); value == "" {
		return "", nil
	}
	ts, err := namespace.ParseTimestamp(value)
	if err != nil {
		return "", fmt.Errorf("parameter %s: %w; was it edited by hand?", b.namespace.Active(), err)
	}
	return ts, nil
}

// versions returns the version in use and the one before it.
func (b book) versions(ctx context.Context) (active, previous namespace.Timestamp, err error) {
	if active, err = b.active(ctx); err != nil || active == "" {
		return "", "", err
	}
	text, err := b.get(ctx, b.namespace.Version(active, factPrevious))
	previous, _ = namespace.ParseTimestamp(text) // none before the first
	return active, previous, err
}

// facts returns all facts by version.
func (b book) facts(ctx context.Context) (map[namespace.Timestamp]map[string]string, error) {
	all := map[namespace.Timestamp]map[string]string{}
	root := b.namespace.Parameter("db")
	pages := ssm.NewGetParametersByPathPaginator(b.parameters, &ssm.GetParametersByPathInput{
		Path: &root, Recursive: aws.Bool(true),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("list parameters below %s: %w", root, err)
		}
		for _, parameter := range page.Parameters {
			name := aws.ToString(parameter.Name)
			ts, err := namespace.ParseTimestamp(path.Base(path.Dir(name)))
			if err != nil {
				continue // the pointer, the journal, the lock
			}
			if all[ts] == nil {
				all[ts] = map[string]string{}
			}
			all[ts][path.Base(name)] = aws.ToString(parameter.Value)
		}
	}
	return all, nil
}

// forget removes the facts about a version.
func (b book) forget(ctx context.Context, ts namespace.Timestamp) error {
	for _, fact := range []string{factEndpoint, factPort, factName, factKind, factPrevious, factRetireAfter} {
		if err := b.remove(ctx, b.namespace.Version(ts, fact)); err != nil {
			return err
		}
	}
	return nil
}

func (b book) remove(ctx context.Context, name string) error {
	_, err := b.parameters.DeleteParameter(ctx, &ssm.DeleteParameterInput{Name: &name})
	var missing *types.ParameterNotFound
	if err != nil && !errors.As(err, &missing) {
		return fmt.Errorf("delete parameter %s: %w", name, err)
	}
	return nil
}

// retireAfter reads when each version may be deleted, of those that are kept.
// A moment that cannot be read is an error: nothing is deleted on a guess.
func (b book) retireAfter(facts map[namespace.Timestamp]map[string]string) (map[namespace.Timestamp]time.Time, error) {
	kept := map[namespace.Timestamp]time.Time{}
	for ts, known := range facts {
		text, ok := known[factRetireAfter]
		if !ok {
			continue
		}
		moment, err := time.Parse(time.RFC3339, text)
		if err != nil {
			return nil, &diag.Diagnostic{
				Summary: fmt.Sprintf("parameter %s: %q is not a moment; was it edited by hand?", b.namespace.Version(ts, factRetireAfter), text),
				Try:     "write it like 2026-01-02T15:04:05Z", Err: err,
			}
		}
		kept[ts] = moment
	}
	return kept, nil
}

func (b book) get(ctx context.Context, name string) (string, error) {
	out, err := b.parameters.GetParameter(ctx, &ssm.GetParameterInput{Name: &name})
	var missing *types.ParameterNotFound
	if errors.As(err, &missing) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read parameter %s: %w", name, err)
	}
	return strings.TrimSpace(aws.ToString(out.Parameter.Value)), nil
}

// read reads up to ten parameters at once; what is not there is left out.
func (b book) read(ctx context.Context, names ...string) (map[string]string, error) {
	out, err := b.parameters.GetParameters(ctx, &ssm.GetParametersInput{Names: names})
	if err != nil {
		return nil, fmt.Errorf("read parameters %s: %w", strings.Join(names, ", "), err)
	}
	values := map[string]string{}
	for _, parameter := range out.Parameters {
		values[aws.ToString(parameter.Name)] = aws.ToString(parameter.Value)
	}
	return values, nil
}

func (b book) put(ctx context.Context, name, value string) error {
	_, err := b.parameters.PutParameter(ctx, &ssm.PutParameterInput{
		Name: &name, Value: &value, Type: types.ParameterTypeString, Overwrite: aws.Bool(true),
	})
	if err != nil {
		return fmt.Errorf("write parameter %s: %w", name, err)
	}
	return nil
}
