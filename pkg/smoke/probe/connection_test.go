package probe_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/org/shipkit/pkg/smoke/probe"
	"golang.org/x/net/dns/dnsmessage"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
)

// secureServer serves HTTPS for example.com with httptest's certificate and
// returns its address by that name, with the Connection that reaches it.
func secureServer(t *testing.T, change func(*httptest.Server)) (string, probe.Connection) {
	t.Helper()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Proto)
		for _, cert := range r.TLS.PeerCertificates {
			_, _ = io.WriteString(w, " "+cert.Subject.CommonName)
		}
	}))
	server.EnableHTTP2 = true
	if change != nil {
		change(server)
	}
	server.StartTLS()
	t.Cleanup(server.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	data := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(ca, data, 0o600); err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return "https://example.com:" + port, probe.Connection{CACert: ca, Resolve: []string{"example.com:" + port + ":127.0.0.1"}}
}

func TestTLS(t *testing.T) {
	address, conn := secureServer(t, nil)
	for name, test := range map[string]struct {
		change  func(*probe.Connection)
		version string
		cause   probe.Cause
	}{
		"own CA, best protocol": {func(*probe.Connection) {}, "2", ""},
		"HTTP/1.1 only":         {func(c *probe.Connection) { c.HTTP = "1.1" }, "1.1", ""},
		"HTTP/2 only":           {func(c *probe.Connection) { c.HTTP = "2" }, "2", ""},
		"unknown CA":            {func(c *probe.Connection) { c.CACert = "" }, "", probe.CauseCertificate},
		"insecure":              {func(c *probe.Connection) { c.CACert, c.Insecure = "", true }, "2", ""},
		"no CA file":            {func(c *probe.Connection) { c.CACert = "missing.pem" }, "", probe.CauseRequest},
		"wrong address family":  {func(c *probe.Connection) { c.Family = "6" }, "", probe.CauseConnect},
		"no client certificate": {func(c *probe.Connection) { c.Cert = "missing.pem" }, "", probe.CauseRequest},
	} {
		t.Run(name, func(t *testing.T) {
			r := get(address)
			r.Connection = conn
			test.change(&r.Connection)
			a, err := send(t, r)
			if test.cause != "" {
				if cause := causeOf(t, err); cause != test.cause {
					t.Errorf("cause %s, want %s: %v", cause, test.cause, err)
				}
				var failed *probe.Error
				if errors.As(err, &failed); test.cause != probe.CauseRequest && failed.Remedy() == "" || strings.Contains(err.Error(), "possibly because") {
					t.Errorf("%v; remedy %q", err, failed.Remedy())
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if a.HTTPVersion != test.version || a.Certificate == nil || a.Certificate.Valid("example.com") != nil ||
				a.Certificate.Valid("other.test") == nil || time.Until(a.Certificate.NotAfter) < time.Hour {
				t.Errorf("HTTP/%s, %+v", a.HTTPVersion, a.Certificate)
			}
		})
	}
}

func TestMutualTLS(t *testing.T) {
	address, conn := secureServer(t, func(s *httptest.Server) { s.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert} })
	r := get(address)
	r.Connection = conn
	// In TLS 1.3 the refusal comes after the handshake: as an alert, or as a
	// connection that ends.
	if _, err := send(t, r); causeOf(t, err) == probe.CauseRequest {
		t.Errorf("without a certificate: %v", err)
	}
	r.Connection.Cert, r.Connection.Key = clientCertificate(t)
	a, err := send(t, r)
	if err != nil || !strings.HasSuffix(string(a.Body), " smoke-client") {
		t.Errorf("with a certificate: %+v %v", a, err)
	}
}

// Another host that asks for a client certificate gets none.
func TestClientCertificateStaysHome(t *testing.T) {
	other, otherConn := secureServer(t, func(s *httptest.Server) { s.TLS = &tls.Config{ClientAuth: tls.RequestClientCert} })
	address, conn := secureServer(t, func(s *httptest.Server) {
		s.Config.Handler = http.RedirectHandler(other, http.StatusFound)
	})
	r := get(address)
	r.Connection = conn
	r.Connection.Resolve = append(r.Connection.Resolve, otherConn.Resolve...)
	r.Connection.Cert, r.Connection.Key = clientCertificate(t)
	a, err := send(t, r)
	if err != nil || strings.Contains(string(a.Body), "smoke-client") {
		t.Errorf("%+v %v", a, err)
	}
}

func clientCertificate(t *testing.T) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "smoke-client"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for file, block := range map[string]*pem.Block{
		certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "EC PRIVATE KEY", Bytes: keyDER},
	} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certFile, keyFile
}

func TestTCP(t *testing.T) {
	address := strings.TrimPrefix(serve(t, func(http.ResponseWriter, *http.Request) {}), "http://")
	if a, err := send(t, probe.Request{Kind: probe.TCP, Target: address}); err != nil || a.IP != "127.0.0.1" {
		t.Errorf("open port: %+v %v", a, err)
	}
	if _, err := send(t, probe.Request{Kind: probe.TCP, Target: "127.0.0.1:1"}); causeOf(t, err) != probe.CauseConnect {
		t.Errorf("closed port: %v", err)
	}
	if _, err := send(t, probe.Request{Kind: probe.TCP, Target: "no-port"}); err == nil {
		t.Error("an address without a port is taken")
	}
}

func TestGRPCHealth(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // a test
	if err != nil {
		t.Fatal(err)
	}
	server, states := grpc.NewServer(), health.NewServer()
	healthpb.RegisterHealthServer(server, states)
	states.SetServingStatus("down", healthpb.HealthCheckResponse_NOT_SERVING)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	address := "http://" + listener.Addr().String()
	for service, want := range map[string]string{"": "SERVING", "down": "NOT_SERVING"} {
		a, err := send(t, probe.Request{Kind: probe.GRPC, URL: address, Target: service})
		if err != nil || a.Serving != want || a.HTTPVersion != "2" {
			t.Errorf("service %q: %+v %v", service, a, err)
		}
	}
	_, err = send(t, probe.Request{Kind: probe.GRPC, URL: address, Target: "unknown"})
	if err == nil || !strings.Contains(err.Error(), "grpc-status 5") {
		t.Errorf("unknown service: %v", err)
	}
	web := serve(t, func(http.ResponseWriter, *http.Request) {})
	if _, err := send(t, probe.Request{Kind: probe.GRPC, URL: web}); err == nil {
		t.Error("a web server is taken for a gRPC server")
	}
}

func TestDNS(t *testing.T) {
	server := dnsServer(t)
	for record, want := range map[string][]string{
		"A": {"10.0.0.7", "10.0.0.8"}, "AAAA": {"fd00::7"}, "": {"10.0.0.7", "10.0.0.8", "fd00::7"},
		"CNAME": {"target.test"}, "TXT": {"v=1"}, "NS": {"ns.test"}, "MX": {"mail.test"},
	} {
		name := "shop.test."
		if record == "CNAME" {
			name = "alias.test."
		}
		a, err := send(t, probe.Request{Kind: probe.DNS, Target: name, RecordType: record, Server: server})
		if err != nil || !slices.Equal(a.Values, want) {
			t.Errorf("%s: %+v %v, want %v", record, a, err, want)
		}
	}
	_, err := send(t, probe.Request{Kind: probe.DNS, Target: "nobody.test.", Server: server})
	if causeOf(t, err) != probe.CauseDNS {
		t.Errorf("unknown name: %v", err)
	}
	_, err = send(t, probe.Request{Kind: probe.DNS, Target: "shop.test.", RecordType: "SRV", Server: server})
	if causeOf(t, err) != probe.CauseRequest {
		t.Errorf("unknown record type: %v", err)
	}
}

// dnsServer answers for shop.test on UDP and returns its address.
func dnsServer(t *testing.T) string {
	t.Helper()
	conn, err := (&net.ListenConfig{}).ListenPacket(context.Background(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	go func() {
		buffer := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(buffer)
			if err != nil {
				return
			}
			if answer := dnsAnswer(buffer[:n]); answer != nil {
				_, _ = conn.WriteTo(answer, from)
			}
		}
	}()
	return conn.LocalAddr().String()
}

func dnsAnswer(question []byte) []byte {
	var m dnsmessage.Message
	if err := m.Unpack(question); err != nil || len(m.Questions) == 0 {
		return nil
	}
	m.Response, m.Authoritative, m.Additionals = true, true, nil
	q := m.Questions[0]
	owner := q.Name
	add := func(body dnsmessage.ResourceBody) {
		header := dnsmessage.ResourceHeader{Name: owner, Class: dnsmessage.ClassINET, TTL: 1}
		m.Answers = append(m.Answers, dnsmessage.Resource{Header: header, Body: body})
	}
	switch q.Name.String() {
	case "alias.test.":
		target := dnsmessage.MustNewName("target.test.")
		add(&dnsmessage.CNAMEResource{CNAME: target})
		owner = target
	case "shop.test.":
	default:
		m.RCode = dnsmessage.RCodeNameError
		owner = dnsmessage.Name{}
	}
	for _, body := range dnsRecords(q) {
		if owner.Length > 0 {
			add(body)
		}
	}
	packed, err := m.Pack()
	if err != nil {
		return nil
	}
	return packed
}

func dnsRecords(q dnsmessage.Question) []dnsmessage.ResourceBody {
	name := dnsmessage.MustNewName
	switch q.Type {
	case dnsmessage.TypeA:
		return []dnsmessage.ResourceBody{&dnsmessage.AResource{A: [4]byte{10, 0, 0, 8}}, &dnsmessage.AResource{A: [4]byte{10, 0, 0, 7}}}
	case dnsmessage.TypeAAAA:
		return []dnsmessage.ResourceBody{&dnsmessage.AAAAResource{AAAA: [16]byte{0: 0xfd, 15: 7}}}
	case dnsmessage.TypeTXT:
		return []dnsmessage.ResourceBody{&dnsmessage.TXTResource{TXT: []string{"v=1"}}}
	case dnsmessage.TypeNS:
		return []dnsmessage.ResourceBody{&dnsmessage.NSResource{NS: name("ns.test.")}}
	case dnsmessage.TypeMX:
		return []dnsmessage.ResourceBody{&dnsmessage.MXResource{Pref: 1, MX: name("mail.test.")}}
	default:
		return nil
	}
}
