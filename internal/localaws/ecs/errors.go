package ecs

import (
	"fmt"
	"regexp"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// namePattern is what names of clusters, services and families look like.
var namePattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,255}$`)

func invalid(format string, args ...any) error {
	return &types.InvalidParameterException{Message: aws.String(fmt.Sprintf(format, args...))}
}

func client(format string, args ...any) error {
	return &types.ClientException{Message: aws.String(fmt.Sprintf(format, args...))}
}

func serviceNotFound() error {
	return &types.ServiceNotFoundException{Message: aws.String("Service not found.")}
}

// paginate cuts a page of at most max (100 when nil) names; the token is the index of the first.
func paginate(all []string, limit *int32, token *string) (page []string, next *string, err error) {
	size := 100
	if limit != nil {
		size = int(*limit)
	}
	if size < 1 || size > 100 {
		return nil, nil, invalid("maxResults must be between 1 and 100")
	}
	from := 0
	if token != nil {
		if from, err = strconv.Atoi(*token); err != nil || from < 0 || from > len(all) {
			return nil, nil, invalid("Invalid token")
		}
	}
	to := min(from+size, len(all))
	if to < len(all) {
		next = aws.String(strconv.Itoa(to))
	}
	return append([]string{}, all[from:to]...), next, nil
}
