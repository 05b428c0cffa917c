package saga

import (
	"encoding/json"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/org/shipkit/internal/localaws"
)

// ahead is an AWS whose clock is ahead of this machine's.
type ahead time.Duration

func (a ahead) Do(r *http.Request) (*http.Response, error) {
	response, err := http.DefaultClient.Do(r)
	if err == nil {
		response.Header.Set("Date", time.Now().Add(time.Duration(a)).UTC().Format(http.TimeFormat))
	}
	return response, err //nolint:wrapcheck // as the client gave it
}

// A lease is AWS's time: on a machine whose clock is minutes off, a living one
// is not taken, a dead one is not waited for, and what is written there says
// the same to everybody.
func TestLeaseOfAMachineWhoseClockIsOff(t *testing.T) {
	server, err := localaws.Start(t.Context(), localaws.Options{NoData: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	plain := ssm.NewFromConfig(server.Config())
	for _, skew := range []time.Duration{-10 * time.Minute, 0, 10 * time.Minute} {
		cfg := server.Config()
		cfg.HTTPClient = ahead(skew)
		journal := Journal{Parameters: ssm.NewFromConfig(cfg), Path: "/xy-0146-dev/" + skew.String() + "/operation"}
		lease := func(left time.Duration) {
			t.Helper()
			text, err := json.Marshal(leaseRecord{Holder: Holder{ID: "another"}, Expires: time.Now().Add(skew + left)})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := plain.PutParameter(t.Context(), &ssm.PutParameterInput{
				Name: new(journal.Path + "/lock/1"), Value: new(string(text)), Type: types.ParameterTypeString, Overwrite: aws.Bool(true),
			}); err != nil {
				t.Fatal(err)
			}
		}
		var held *HeldError
		lease(2 * time.Minute)
		if _, err := journal.Hold(t.Context(), Holder{ID: "me"}); !errors.As(err, &held) {
			t.Errorf("%s: a living lease: %v", skew, err)
		}
		lease(-time.Minute)
		run, err := journal.Hold(t.Context(), Holder{ID: "me"})
		if err != nil {
			t.Errorf("%s: a dead lease: %v", skew, err)
			continue
		}
		if err := run.Check(t.Context()); err != nil {
			t.Errorf("%s: %v", skew, err)
		}
		out, err := plain.GetParameter(t.Context(), &ssm.GetParameterInput{Name: new(journal.Path + "/lock/2")})
		if err != nil {
			t.Fatal(err)
		}
		record, err := parseRecord(out.Parameter)
		if left := time.Until(record.Expires.Add(-skew)); err != nil || left < LeaseTime-tolerated || left > LeaseTime {
			t.Errorf("%s: the lease says %s, which leaves %s, %v", skew, record.Expires, left, err)
		}
		if err := run.Close(t.Context()); err != nil {
			t.Errorf("%s: %v", skew, err)
		}
	}
}
