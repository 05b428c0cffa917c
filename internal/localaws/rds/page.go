package rds

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
)

// inOrder returns the values by key.
func inOrder[T any](m map[string]T) []T {
	values := make([]T, 0, len(m))
	for _, key := range slices.Sorted(maps.Keys(m)) {
		values = append(values, m[key])
	}
	return values
}

// paginate cuts one page out of all. A marker is the number of the next item.
func paginate[T any](all []T, marker *string, size *int32) (page []T, next *string, err error) {
	limit, start := 100, 0
	if size != nil {
		if limit = int(*size); limit < 20 || limit > 100 {
			return nil, nil, invalid("Invalid value %d for MaxRecords. Must be between 20 and 100", limit)
		}
	}
	if marker != nil {
		if start, err = strconv.Atoi(*marker); err != nil || start < 0 {
			return nil, nil, invalid("The request was rejected because the marker is invalid: %s", *marker)
		}
	}
	if start >= len(all) {
		return nil, nil, nil
	}
	end := min(start+limit, len(all))
	if end < len(all) {
		next = new(strconv.Itoa(end))
	}
	return all[start:end], next, nil
}

// matches applies filters to an item's values. An ARN in a filter counts as
// its identifier.
func matches(filters []types.Filter, values map[string]*string) bool {
	for _, f := range filters {
		value, known := values[aws.ToString(f.Name)]
		if !known || value == nil {
			return false
		}
		if !slices.ContainsFunc(f.Values, func(want string) bool {
			return strings.EqualFold(want, *value) || key(&want) == strings.ToLower(*value)
		}) {
			return false
		}
	}
	return true
}
