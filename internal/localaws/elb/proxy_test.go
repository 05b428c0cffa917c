package elb

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"pgregory.net/rapid"
)

// TestWeightsAreExact has every target group get exactly its weight of as many requests as the weights sum up to.
func TestWeightsAreExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		weights := rapid.SliceOfN(rapid.IntRange(0, 100), 1, 5).Draw(t, "weights")
		action := types.Action{ForwardConfig: &types.ForwardActionConfig{}}
		sum := 0
		for i, weight := range weights {
			sum += weight
			action.ForwardConfig.TargetGroups = append(action.ForwardConfig.TargetGroups, types.TargetGroupTuple{
				TargetGroupArn: aws.String(fmt.Sprint(i)), Weight: aws.Int32(int32(weight)),
			})
		}
		r, got := &rule{}, map[string]int{}
		for range sum {
			got[r.pick(action)]++
		}
		for i, weight := range weights {
			if got[fmt.Sprint(i)] != weight {
				t.Errorf("of %d requests %v: group %d has weight %d", sum, got, i, weight)
			}
		}
	})
}

func TestWildcard(t *testing.T) {
	for _, c := range []struct {
		pattern, s string
		want       bool
	}{
		{"/app/*", "/app/a/b", true}, {"/app/*", "/app", false}, {"*", "/", true}, {"/v?/x", "/v1/x", true},
		{"/v?/x", "/v12/x", false}, {"/[a]", "/[a]", true}, {"/[a]", "/a", false}, {`/a\b`, `/a\b`, true},
	} {
		if got := wildcard(c.pattern, c.s); got != c.want {
			t.Errorf("%q matches %q: %v", c.pattern, c.s, got)
		}
	}
}

func TestMatches(t *testing.T) {
	for _, c := range []struct {
		codes  string
		status int
		want   bool
	}{
		{"200", 200, true}, {"200", 201, false}, {"200-299", 204, true}, {"200,302", 302, true}, {"200, 300-399", 399, true},
		{"", 200, false}, {"abc", 200, false}, {"200-", 200, false},
	} {
		if got := matches(c.codes, c.status); got != c.want {
			t.Errorf("%q allows %d: %v", c.codes, c.status, got)
		}
	}
}

// FuzzMatches has a list of one code allow this code and no other.
func FuzzMatches(f *testing.F) {
	f.Add(200, 404, "200-299")
	f.Add(0, -1, ",-,")
	f.Fuzz(func(t *testing.T, code, other int, anything string) {
		matches(anything, code)
		if code > 0 && !matches(fmt.Sprint(code), code) {
			t.Errorf("%d does not allow itself", code)
		}
		if code > 0 && other != code && matches(fmt.Sprint(code), other) {
			t.Errorf("%d allows %d", code, other)
		}
	})
}

// FuzzWildcard has every text match itself, its question marks and stars aside, and a star match everything.
func FuzzWildcard(f *testing.F) {
	f.Add("/a/[b]", "/*")
	f.Add(`\`, "?")
	f.Fuzz(func(t *testing.T, s, pattern string) {
		wildcard(pattern, s)
		if !wildcard(s, s) && s == wordsOnly(s) {
			t.Errorf("%q does not match itself", s)
		}
		if s == wordsOnly(s) && !wildcard("*", s) {
			t.Errorf("* does not match %q", s)
		}
	})
}

// wordsOnly drops what a request can never hold or a pattern treats specially.
func wordsOnly(s string) string {
	out := []byte{}
	for _, b := range []byte(s) {
		if b > 0x20 && b < 0x7f && b != '*' && b != '?' {
			out = append(out, b)
		}
	}
	return string(out)
}
