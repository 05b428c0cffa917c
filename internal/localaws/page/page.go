// Package page cuts lists into pages as AWS does: a bounded number of items and an opaque token for the rest.
package page

import (
	"encoding/base64"
	"strconv"
	"strings"

	"github.com/org/shipkit/internal/localaws/wire"
)

const prefix = "page:"

// Cut returns the page that token stands for (nil: the first), at most max items, and the token of the next one (nil at
// the end). A token that it did not give out is answered with an error of the given code.
func Cut[T any](items []T, token *string, max int, code string) ([]T, *string, error) {
	start := 0
	if token != nil {
		plain, err := base64.StdEncoding.DecodeString(*token)
		number, ok := strings.CutPrefix(string(plain), prefix)
		if start, _ = strconv.Atoi(number); err != nil || !ok || start < 1 {
			return nil, nil, wire.Errorf(code, 400, "The pagination token is not valid.")
		}
	}
	start = min(start, len(items))
	end := min(start+max, len(items))
	if end == len(items) {
		return items[start:], nil, nil
	}
	next := base64.StdEncoding.EncodeToString([]byte(prefix + strconv.Itoa(end)))
	return items[start:end], &next, nil
}

// Size is the size of a page: what the caller asked for, within 1 and the service's maximum.
func Size(asked *int32, maximum int) int {
	if asked == nil || *asked < 1 || int(*asked) > maximum {
		return maximum
	}
	return int(*asked)
}
