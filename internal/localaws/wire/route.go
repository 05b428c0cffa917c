package wire

import (
	"context"
	"net/http"
	"net/url"
	"reflect"
	"strings"
)

// Route binds an operation of a REST protocol to a method and a path, and members to places outside of the body.
type Route struct {
	Method  string            // "POST"
	Path    string            // "/schedules/{Name}"; {Key+} takes the rest; "?uploads" demands a query parameter
	Query   map[string]string // input field: query parameter
	Headers map[string]string // input field: header
	Payload string            // input field that is the whole body

	Status     int               // of success; 200 when zero
	OutHeaders map[string]string // output field: header
	OutPayload string            // output field that is the whole body
}

// HandleREST registers an operation of RESTJSON or RESTXML.
func HandleREST[I, O any](s *Service, name string, r Route, f func(context.Context, *I) (*O, error)) {
	Handle(s, name, f)
	s.route(s.operations[name], r)
}

// HandleHTTP registers an operation that reads and writes HTTP itself, for objects that do not fit in memory. What it
// returns as an error is sent as the service's protocol says, if nothing was written before.
func HandleHTTP(s *Service, name, method, path string, f func(w http.ResponseWriter, r *http.Request) error) {
	op := &operation{name: name, raw: f}
	s.add(op)
	s.route(op, Route{Method: method, Path: path})
}

// route is a compiled Route.
type route struct {
	Route
	segments []string
	demands  url.Values
	op       *operation
}

func (s *Service) route(op *operation, r Route) {
	path, query, _ := strings.Cut(r.Path, "?")
	demands, _ := url.ParseQuery(query) // our own literals
	op.route = &route{Route: r, segments: strings.Split(strings.Trim(path, "/"), "/"), demands: demands, op: op}
	s.routes = append(s.routes, op.route)
}

// find picks the operation for a request: of those that match, the one that demands most of the query.
func (s *Service) find(r *http.Request) (*operation, map[string]string) {
	var best *route
	var labels map[string]string
	for _, candidate := range s.routes {
		values, ok := candidate.match(r)
		if ok && (best == nil || len(candidate.demands) > len(best.demands)) {
			best, labels = candidate, values
		}
	}
	if best == nil {
		return nil, nil
	}
	return best.op, labels
}

func (rt *route) match(r *http.Request) (map[string]string, bool) {
	if r.Method != rt.Method {
		return nil, false
	}
	query := r.URL.Query()
	for key, want := range rt.demands {
		if !query.Has(key) || want[0] != "" && query.Get(key) != want[0] {
			return nil, false
		}
	}
	return rt.labels(strings.Split(strings.Trim(r.URL.EscapedPath(), "/"), "/"))
}

func (rt *route) labels(path []string) (map[string]string, bool) {
	labels := map[string]string{}
	for i, segment := range rt.segments {
		name, greedy := strings.CutSuffix(strings.Trim(segment, "{}"), "+")
		switch {
		case greedy && i < len(path):
			labels[name] = unescape(strings.Join(path[i:], "/"))
			return labels, true
		case i >= len(path):
			return nil, false
		case strings.HasPrefix(segment, "{"):
			labels[name] = unescape(path[i])
		case segment != path[i]:
			return nil, false
		}
	}
	return labels, len(path) == len(rt.segments)
}

func unescape(s string) string {
	if plain, err := url.PathUnescape(s); err == nil {
		return plain
	}
	return s
}

// bind fills the members that do not come from the body. in is the input struct.
func (rt *route) bind(in reflect.Value, r *http.Request, labels map[string]string) error {
	set := func(field string, values []string) error {
		if len(values) == 0 {
			return nil
		}
		target := in.FieldByName(field)
		var src any = text(values[0])
		if target.Kind() == reflect.Slice {
			list := make([]any, 0, len(values))
			for _, v := range values {
				list = append(list, text(v))
			}
			src = list
		}
		return decode(target, src, asIs, field)
	}
	for field, value := range labels {
		if err := set(field, []string{value}); err != nil {
			return err
		}
	}
	query := r.URL.Query()
	for field, parameter := range rt.Query {
		if err := set(field, query[parameter]); err != nil {
			return err
		}
	}
	for field, header := range rt.Headers {
		if err := set(field, r.Header.Values(header)); err != nil {
			return err
		}
	}
	return nil
}
