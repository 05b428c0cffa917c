package elb

import (
	"cmp"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// proxy serves a listener.
func (s *Service) proxy(l *listener) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		matched := l.match(r)
		action := final(matched.Actions)
		var t *target
		if action.Type == types.ActionTypeEnumForward {
			t = s.choose(matched, action)
		}
		s.mu.Unlock()
		switch {
		case action.Type == types.ActionTypeEnumFixedResponse:
			fixed(w, action.FixedResponseConfig)
		case action.Type == types.ActionTypeEnumRedirect:
			redirect(w, r, action.RedirectConfig)
		case t == nil:
			http.Error(w, "503 Service Temporarily Unavailable", http.StatusServiceUnavailable)
		default:
			defer s.finish(t)
			s.forward(w, r, t)
		}
	})
}

// final is the action that answers: the last one.
func final(actions []types.Action) types.Action {
	if len(actions) == 0 {
		return types.Action{}
	}
	return slices.MaxFunc(actions, func(a, b types.Action) int { return cmp.Compare(aws.ToInt32(a.Order), aws.ToInt32(b.Order)) })
}

// choose picks a target group by weight and a target of it in turn, and counts the request as in flight. The caller holds
// the lock.
func (s *Service) choose(r *rule, action types.Action) *target {
	g := s.groups[r.pick(action)]
	if g == nil {
		return nil
	}
	t := g.pick()
	if t != nil {
		t.inFlight++
	}
	return t
}

// pick chooses a target group by smooth weighted round robin: of any 100 requests in a row a weight of 10 gets 10.
func (r *rule) pick(action types.Action) string {
	if action.ForwardConfig == nil || len(action.ForwardConfig.TargetGroups) == 0 {
		return aws.ToString(action.TargetGroupArn)
	}
	if r.credit == nil {
		r.credit = map[string]int{}
	}
	best, sum := "", 0
	for _, t := range action.ForwardConfig.TargetGroups {
		weight := 1
		if t.Weight != nil {
			weight = int(*t.Weight)
		}
		if weight == 0 {
			continue
		}
		sum += weight
		r.credit[*t.TargetGroupArn] += weight
		if best == "" || r.credit[*t.TargetGroupArn] > r.credit[best] {
			best = *t.TargetGroupArn
		}
	}
	r.credit[best] -= sum
	return best
}

// pick chooses the next healthy target; if none is healthy, any that is registered, as a load balancer fails open.
func (g *group) pick() *target {
	candidates := make([]*target, 0, len(g.targets))
	for _, t := range g.targets {
		if t.registered && t.state == types.TargetHealthStateEnumHealthy {
			candidates = append(candidates, t)
		}
	}
	if len(candidates) == 0 {
		for _, t := range g.targets {
			if t.registered {
				candidates = append(candidates, t)
			}
		}
	}
	if len(candidates) == 0 {
		return nil
	}
	g.next++
	return candidates[g.next%len(candidates)]
}

// finish counts a request as answered.
func (s *Service) finish(t *target) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t.inFlight--
	if t.inFlight == 0 && !t.registered {
		close(t.drained)
	}
}

// forward sends the request to a target, with the Host header that the client sent.
func (s *Service) forward(w http.ResponseWriter, r *http.Request, t *target) {
	p := &httputil.ReverseProxy{
		Transport: s.transport,
		Rewrite: func(pr *httputil.ProxyRequest) {
			pr.SetURL(&url.URL{Scheme: "http", Host: t.address()})
			pr.Out.Host = pr.In.Host
			pr.Out.Header["X-Forwarded-For"] = pr.In.Header["X-Forwarded-For"]
			pr.SetXForwarded()
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) {
			http.Error(w, "502 Bad Gateway", http.StatusBadGateway)
		},
	}
	p.ServeHTTP(w, r)
}

func fixed(w http.ResponseWriter, c *types.FixedResponseActionConfig) {
	if c == nil {
		c = &types.FixedResponseActionConfig{StatusCode: aws.String("200")}
	}
	if c.ContentType != nil {
		w.Header().Set("Content-Type", *c.ContentType)
	}
	status, err := strconv.Atoi(aws.ToString(c.StatusCode))
	if err != nil {
		status = http.StatusInternalServerError
	}
	w.WriteHeader(status)
	_, _ = w.Write([]byte(aws.ToString(c.MessageBody)))
}

func redirect(w http.ResponseWriter, r *http.Request, c *types.RedirectActionConfig) {
	host, port, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = r.Host
	}
	fill := strings.NewReplacer("#{host}", host, "#{port}", port, "#{path}", strings.TrimPrefix(r.URL.Path, "/"),
		"#{query}", r.URL.RawQuery, "#{protocol}", "HTTP")
	get := func(value *string, otherwise string) string {
		return fill.Replace(cmp.Or(aws.ToString(value), otherwise))
	}
	to := url.URL{Scheme: strings.ToLower(get(c.Protocol, "#{protocol}")), Host: get(c.Host, "#{host}"),
		Path: get(c.Path, "/#{path}"), RawQuery: get(c.Query, "#{query}")}
	if p := get(c.Port, "#{port}"); p != "" {
		to.Host = net.JoinHostPort(to.Host, p)
	}
	status := http.StatusFound
	if c.StatusCode == types.RedirectActionStatusCodeEnumHttp301 {
		status = http.StatusMovedPermanently
	}
	http.Redirect(w, r, to.String(), status)
}

// match finds the first rule, in order of priority, whose conditions all hold; the default rule has none.
func (l *listener) match(r *http.Request) *rule {
	for _, candidate := range l.rules {
		if !slices.ContainsFunc(candidate.Conditions, func(c types.RuleCondition) bool { return !holds(c, r) }) {
			return candidate
		}
	}
	return l.rules[len(l.rules)-1]
}

// holds reports whether a condition holds for a request.
func holds(c types.RuleCondition, r *http.Request) bool {
	values := c.Values
	switch aws.ToString(c.Field) {
	case "path-pattern":
		if c.PathPatternConfig != nil {
			values = c.PathPatternConfig.Values
		}
		return anyMatches(values, r.URL.Path)
	case "host-header":
		if c.HostHeaderConfig != nil {
			values = c.HostHeaderConfig.Values
		}
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = r.Host
		}
		return anyMatches(values, strings.ToLower(host))
	case "http-request-method":
		return c.HttpRequestMethodConfig != nil && slices.Contains(c.HttpRequestMethodConfig.Values, r.Method)
	case "http-header":
		return c.HttpHeaderConfig != nil && slices.ContainsFunc(r.Header.Values(aws.ToString(c.HttpHeaderConfig.HttpHeaderName)),
			func(v string) bool { return anyMatches(c.HttpHeaderConfig.Values, v) })
	case "query-string":
		return c.QueryStringConfig != nil && slices.ContainsFunc(c.QueryStringConfig.Values, func(p types.QueryStringKeyValuePair) bool {
			return queryHolds(p, r.URL.Query())
		})
	}
	return false
}

func queryHolds(p types.QueryStringKeyValuePair, query url.Values) bool {
	for key, values := range query {
		for _, v := range values {
			if (p.Key == nil || wildcard(*p.Key, key)) && wildcard(aws.ToString(p.Value), v) {
				return true
			}
		}
	}
	return false
}

func anyMatches(patterns []string, s string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return wildcard(p, s) })
}

// wildcard matches * (anything, slashes too) and ? (one character).
func wildcard(pattern, s string) bool {
	const slash = "\x00" // path.Match stops * at a slash, a load balancer does not
	quote := strings.NewReplacer("/", slash, "[", `\[`, `\`, `\\`)
	ok, err := path.Match(quote.Replace(pattern), strings.ReplaceAll(s, "/", slash))
	return ok && err == nil
}
