package registry

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

func TestLinkKeepsToItsLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		link := NewLink(LinkOptions{BytesPerSecond: 100_000, Stall: time.Hour})
		here, there := net.Pipe()
		defer here.Close()
		go func() { _, _ = io.Copy(io.Discard, there) }()
		started := time.Now()
		if _, err := (&countedConn{Conn: here, link: link}).Write(make([]byte, 1_000_000)); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(started); took < 9*time.Second || took > 11*time.Second {
			t.Errorf("1 MB at 100 kB/s took %s, want about 10s", took)
		}
		if link.Sent() != 1_000_000 {
			t.Errorf("sent %d bytes, want 1000000", link.Sent())
		}
	})
}

func TestLinkFindsAStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		link := NewLink(LinkOptions{Stall: 30 * time.Second})
		here, there := net.Pipe()
		defer there.Close()
		started := time.Now()
		_, err := (&countedConn{Conn: here, link: link}).Write([]byte("nobody reads this"))
		if !errors.Is(err, ErrStalled) || time.Since(started) != 30*time.Second {
			t.Errorf("error %v after %s, want a stall after 30s", err, time.Since(started))
		}
	})
}

func TestRetryAfterIsHeeded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		link := NewLink(LinkOptions{})
		link.received.Store(1)
		r := &Repository{link: link, backoff: defaultBackoff, options: Options{Patience: time.Hour}}
		started, attempts := time.Now(), 0
		err := r.retry(t.Context(), "try", func() error {
			attempts++
			if attempts > 1 {
				return nil
			}
			link.heed(&http.Response{StatusCode: 429, Header: http.Header{"Retry-After": {"120"}}})
			return &transport.Error{StatusCode: 429}
		})
		if err != nil || attempts != 2 || time.Since(started) < 119*time.Second {
			t.Errorf("%d attempts in %s, %v; want the second after 2m", attempts, time.Since(started), err)
		}
	})
}

func TestPatienceEndsWhenNothingMoves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		link := NewLink(LinkOptions{})
		link.received.Store(1)
		r := &Repository{link: link, backoff: defaultBackoff, options: Options{Patience: 10 * time.Minute}}
		started := time.Now()
		err := r.retry(t.Context(), "try", func() error { return &net.OpError{Op: "dial", Err: errors.New("unreachable")} })
		if took := time.Since(started); err == nil || took < 9*time.Minute || took > 10*time.Minute {
			t.Errorf("gave up after %s with %v, want just under 10m", took, err)
		}
	})
}

func TestTemporary(t *testing.T) {
	tests := []struct {
		err  error
		want bool
	}{
		{&net.OpError{Op: "read", Err: errors.New("connection reset by peer")}, true},
		{&transport.Error{StatusCode: 503}, true},
		{&transport.Error{StatusCode: 429}, true},
		{&transport.Error{StatusCode: 401}, false},
		{&transport.Error{StatusCode: 400}, false},
		{localError{errors.New("no space left on device")}, false},
		{context.Canceled, false},
		{http.ErrSchemeMismatch, false},
		{&net.DNSError{IsNotFound: true}, false},
		{errSessionLost, true},
	}
	for _, test := range tests {
		if got := temporary(test.err, false); got != test.want {
			t.Errorf("temporary(%v) = %t, want %t", test.err, got, test.want)
		}
	}
	if !temporary(&net.DNSError{IsNotFound: true}, true) {
		t.Error("a name that was reached before does not resolve: want temporary")
	}
}

// fakeECR counts the passwords that it hands out.
type fakeECR struct {
	calls int
	until time.Time
}

func (f *fakeECR) GetAuthorizationToken(context.Context, *ecr.GetAuthorizationTokenInput, ...func(*ecr.Options)) (*ecr.GetAuthorizationTokenOutput, error) {
	f.calls++
	token := base64.StdEncoding.EncodeToString([]byte("AWS:password" + strings.Repeat("!", f.calls)))
	return &ecr.GetAuthorizationTokenOutput{AuthorizationData: []types.AuthorizationData{
		{AuthorizationToken: &token, ExpiresAt: aws.Time(f.until)},
	}}, nil
}

func TestECRPasswordIsRenewed(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	fake := &fakeECR{until: now.Add(12 * time.Hour)}
	auth := &ecrAuth{client: fake, now: func() time.Time { return now }}
	for _, step := range []struct {
		after time.Duration
		want  string
	}{{0, "password!"}, {time.Hour, "password!"}, {11*time.Hour + 50*time.Minute, "password!!"}} {
		now = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(step.after)
		if step.after > 2*time.Hour {
			fake.until = now.Add(12 * time.Hour)
		}
		config, err := auth.Authorization()
		if err != nil || config.Password != step.want || config.Username != "AWS" {
			t.Errorf("after %s: %+v, %v; want %s", step.after, config, err, step.want)
		}
	}
}

func TestKeychains(t *testing.T) {
	regions := []string{}
	chain := authn.NewMultiKeychain(
		ECRKeychain(func(region string) ECRTokens { regions = append(regions, region); return &fakeECR{} }, "127.0.0.1:9999"),
		TokenKeychain("ghcr.io", "octocat", "token"),
	)
	for host, want := range map[string]string{
		"123456789012.dkr.ecr.eu-west-1.amazonaws.com/app":      "AWS",
		"123456789012.dkr.ecr-fips.us-east-1.amazonaws.com/app": "AWS",
		"127.0.0.1:9999/app": "AWS",
		"ghcr.io/org/app":    "octocat",
		"quay.io/org/app":    "",
	} {
		repo, err := name.NewRepository(host)
		if err != nil {
			t.Fatal(err)
		}
		auth, err := chain.Resolve(repo)
		if err != nil {
			t.Fatal(err)
		}
		config, err := auth.Authorization()
		if err != nil || config.Username != want {
			t.Errorf("%s: user %q, %v; want %q", host, config.Username, err, want)
		}
	}
	if len(regions) != 3 {
		t.Errorf("clients of regions %q, want three", regions)
	}
}

func TestProfileOf(t *testing.T) {
	for host, want := range map[string]string{
		"123456789012.dkr.ecr.eu-west-1.amazonaws.com": "ECR", "public.ecr.aws": "ECR", "acme.azurecr.io": "ACR", "ghcr.io": "GHCR",
		"europe-west1-docker.pkg.dev": "Artifact Registry", "eu.gcr.io": "Artifact Registry",
		"index.docker.io": "Docker Hub", "127.0.0.1:5000": "distribution", "registry.example.com": "registry",
	} {
		if got := profileOf(host).Name; got != want {
			t.Errorf("profileOf(%s) = %s, want %s", host, got, want)
		}
	}
}

// A server without 100 Continue costs one wait, not one for each piece.
func TestSilentServerIsNotWaitedForTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		link := NewLink(LinkOptions{})
		trace := link.watchAnswer()
		trace.GotFirstResponseByte()
		trace.WroteRequest(httptrace.WroteRequestInfo{})
		req := func() *http.Request {
			p := &piece{blob: noise(1, expectFrom), length: expectFrom}
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPatch, "http://127.0.0.1/", nil)
			if err != nil {
				t.Fatal(err)
			}
			return p.attach(r, link)
		}
		if req().Header.Get("Expect") == "" {
			t.Error("a server that answered is not asked again")
		}
		link.watchAnswer().WroteRequest(httptrace.WroteRequestInfo{})
		if req().Header.Get("Expect") != "" {
			t.Error("a silent server is asked again")
		}
	})
}
