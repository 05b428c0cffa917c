package deployecs

import (
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go"
)

// limitAnswered limits how often a call is tried that AWS answers with an
// error. A call without an answer, on a link that drops, is tried as often as
// the configuration says.
func limitAnswered(cfg *aws.Config, attempts int) {
	unlimited := cfg.Retryer
	cfg.Retryer = func() aws.Retryer {
		link := unlimited()
		return &retryer{Retryer: link, answered: max(attempts, 1), unanswered: max(attempts, link.MaxAttempts())}
	}
}

type retryer struct {
	aws.Retryer

	answered, unanswered int
}

// MaxAttempts implements aws.Retryer.
func (r *retryer) MaxAttempts() int { return r.unanswered }

// RetryDelay implements aws.Retryer: its error ends the tries.
func (r *retryer) RetryDelay(attempt int, err error) (time.Duration, error) {
	if _, answered := errors.AsType[smithy.APIError](err); answered && attempt >= r.answered {
		return 0, err
	}
	return r.Retryer.RetryDelay(attempt, err) //nolint:wrapcheck // a decorator
}
