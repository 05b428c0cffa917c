package deployecs_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"

	"github.com/org/shipkit/internal/awstest/image"
)

// rewrite stands between the action and local AWS, and says something else of
// services: what local AWS cannot run.
func (w *world) rewrite(t *testing.T, old, new string) {
	t.Helper()
	target, err := url.Parse(w.aws.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = target.Scheme, target.Host, r.In.Host
		},
		ModifyResponse: func(r *http.Response) error {
			body, err := io.ReadAll(r.Body)
			body = bytes.ReplaceAll(body, []byte(old), []byte(new))
			r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
			r.Header.Set("Content-Length", strconv.Itoa(len(body)))
			return err //nolint:wrapcheck // a test's
		},
	}
	server := httptest.NewServer(proxy)
	t.Cleanup(server.Close)
	t.Setenv("AWS_ENDPOINT_URL", server.URL)
}

// Bad input is refused in clear words, before anything changes: no call that
// writes reaches AWS.
func TestBadInputChangesNothing(t *testing.T) {
	w := newBareWorld(t)
	first := w.register("web", w.push("v1", image.Web{Mode: "mute"}), nil)
	must(w.ecs.CreateService(t.Context(), &ecs.CreateServiceInput{
		Cluster: aws.String("shop"), ServiceName: aws.String("web"), TaskDefinition: &first, DesiredCount: aws.Int32(1),
		NetworkConfiguration: network(),
	}))(w)
	gone := w.register("old", w.aws.Registry.Host()+"/web:v1", nil)
	must(w.ecs.DeregisterTaskDefinition(t.Context(), &ecs.DeregisterTaskDefinitionInput{TaskDefinition: &gone}))(w)
	broken := func(name, text string) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := "web=" + w.push("v2", image.Web{Mode: "mute"})
	stranger := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }))
	defer stranger.Close()
	for _, tt := range []struct {
		name     string
		with     map[string]string
		old, new string // what the action is told instead
		want     []string
	}{
		{"empty service", map[string]string{"service": ""}, "", "", []string{`input "service" is empty`, "wait-until: registered"}},
		{"unknown service", map[string]string{"service": "wbe"}, "", "", []string{`service "wbe" of cluster "shop": there is none of that name`}},
		{"unknown container", map[string]string{"images": "wbe=x/y:1"}, "", "", []string{`no container "wbe"`, "web"}},
		{
			"image without digest and no access to the registry", map[string]string{"images": "web=" + stranger.Listener.Addr().String() + "/web:v2"}, "", "",
			[]string{"the registry refuses access", "log in before this step", "pin-images: false"},
		},
		{"image that does not exist", map[string]string{"images": "web=" + w.aws.Registry.Host() + "/web:v9"}, "", "", []string{"does not exist in its registry"}},
		{
			"malformed JSON", map[string]string{"task-definition": broken("task.json", "{\n  \"family\": }")}, "", "",
			[]string{"task.json", "not valid JSON", "col=13,", "line=2:"},
		},
		{
			"malformed YAML", map[string]string{"task-definition": broken("task.yaml", "family: web\ncontainerDefinitions: [\n")}, "", "",
			[]string{"task.yaml", "not valid YAML", "line=2:"},
		},
		{"inactive revision", map[string]string{"task-definition-arn": gone}, "", "", []string{"old:1 is INACTIVE"}},
		{
			"cluster in another region", map[string]string{"cluster": "arn:aws:ecs:us-east-1:111122223333:cluster/shop"}, "", "",
			[]string{"shop is in region us-east-1, the credentials are for eu-west-1", "aws-region"},
		},
		{"no such cluster here", map[string]string{"cluster": "shop-us"}, "", "", []string{`cluster "shop-us" does not exist`, "the region (eu-west-1)"}},
		{"daemon", nil, `"schedulingStrategy":"REPLICA"`, `"schedulingStrategy":"DAEMON"`, []string{`service "web" has scheduling strategy DAEMON`}},
		{"external controller", nil, `"type":"ECS"`, `"type":"EXTERNAL"`, []string{`service "web" has deployment controller EXTERNAL`}},
		{"another account", map[string]string{"expected-account-id": "999999999999"}, "", "", []string{"not to the expected 999999999999"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.old != "" {
				w.rewrite(t, tt.old, tt.new)
			}
			with := map[string]string{"images": good}
			for name, value := range tt.with {
				with[name] = value
			}
			got := w.step(t.Context(), with)
			if got.ExitCode == 0 {
				t.Error("the step passed")
			}
			wants(t, got.Log, append(tt.want, "Try: ")...)
			w.unchanged()
		})
	}
}
