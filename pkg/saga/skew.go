package saga

import (
	"time"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/smithy-go/middleware"
)

// tolerated is the difference between two clocks that is taken for the delay of
// a slow link, and for the whole seconds that AWS answers with. It stays below
// lastMoment.
const tolerated = 30 * time.Second

// Skew is how far AWS's clock is ahead of this machine's, from the Date of an
// answer. What several machines write and compare is in AWS's time: a runner of
// one's own may be minutes off.
func Skew(answer middleware.Metadata) time.Duration {
	skew, known := awsmiddleware.GetAttemptSkew(answer)
	if !known || skew.Abs() < tolerated {
		return 0
	}
	return skew
}
