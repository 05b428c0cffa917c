package main

import (
	"context"
	"encoding/json"
	"net"
	"net/url"
	"strings"

	"github.com/org/shipkit/pkg/smoke/scenario"
)

// k6Script waits until the service answers, then samples. k6 retries nothing
// by itself: this is what its users write.
const k6Script = `
import http from 'k6/http';
import { check, sleep } from 'k6';
const ask = ASK;
export const options = {
  vus: 1, iterations: 1, hosts: ask.hosts, noConnectionReuse: true,
  thresholds: Object.assign({ checks: ['rate>=' + ask.rate] }, ask.p95 ? { 'http_req_duration{judged:yes}': ['p(95)<' + ask.p95] } : {}),
};
function get(judged) {
  return http.get(ask.url, { timeout: ask.attempt + 'ms', redirects: 10, headers: ask.headers, tags: { judged } });
}
export default function () {
  const end = Date.now() + ask.timeout;
  for (;;) {
    const r = get('no');
    const waiting = r.status === 0 || r.status === 429 || r.status >= 500;
    if (!waiting || Date.now() > end) break;
    const wanted = Number(r.headers['Retry-After']);
    sleep(wanted > 0 ? wanted : 0.3);
  }
  for (let i = 0; i < ask.samples; i++) {
    const r = get('yes');
    check(r, { right: (r) => r.status === ask.status && (r.error_code === 0 || r.error_code === 1000 + r.status)
      && (!ask.contains || String(r.body).includes(ask.contains))
      && (!ask.version || r.json('version') === ask.version)
      && (!ask.http2 || r.proto === 'HTTP/2.0') });
  }
}
`

func askK6(path string) asker {
	return func(ctx context.Context, a scenario.Ask, dir string) (bool, string) {
		samples, rate := 1, 1.0
		if a.Version != "" {
			samples = 10
		}
		if a.Samples > 0 {
			samples, rate = a.Samples, 1-float64(a.Failures)/float64(a.Samples)
		}
		ask, err := json.Marshal(map[string]any{
			"url": a.URL, "status": status(a), "contains": a.Contains, "version": a.Version, "samples": samples, "rate": rate,
			"p95": a.P95.Milliseconds(), "headers": a.Headers, "http2": a.HTTP2, "hosts": hosts(a),
			"attempt": scenario.AttemptTimeout.Milliseconds(), "timeout": scenario.Timeout.Milliseconds(),
		})
		if err != nil {
			return false, err.Error()
		}
		script := file(dir, "smoke.js", strings.Replace(k6Script, "ASK", string(ask), 1))
		var env []string
		if a.CA != "" {
			env = []string{"SSL_CERT_FILE=" + a.CA}
		}
		out, ok := start(ctx, env, path, "run", "--quiet", "--no-usage-report", "--address", "127.0.0.1:0", "--summary-mode", "disabled", script)
		return ok, last(out)
	}
}

// hosts is k6's counterpart of --resolve.
func hosts(a scenario.Ask) map[string]string {
	if a.Resolve == "" {
		return map[string]string{}
	}
	u, err := url.Parse(a.URL)
	if err != nil {
		return nil
	}
	address := a.Resolve[strings.LastIndex(a.Resolve, ":")+1:]
	return map[string]string{u.Host: net.JoinHostPort(address, u.Port())}
}
