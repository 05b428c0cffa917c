package scenario

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Lab starts services on loopback addresses and stops them.
type Lab struct {
	dir    string
	caCert *x509.Certificate
	caKey  *ecdsa.PrivateKey
	caFile string

	mu    sync.Mutex
	stops []func()
	err   error
}

// NewLab makes a lab with a certificate authority of its own. Files go to dir.
func NewLab(dir string) (*Lab, error) {
	lab := &Lab{dir: dir}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a CA key: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "scenario CA"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("make a CA: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("make a CA: %w", err)
	}
	lab.caCert, lab.caKey, lab.caFile = cert, key, filepath.Join(dir, "ca.pem")
	data := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	if err := os.WriteFile(lab.caFile, data, 0o600); err != nil {
		return nil, fmt.Errorf("write the CA: %w", err)
	}
	return lab, nil
}

// Err returns what went wrong while services were started.
func (l *Lab) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

func (l *Lab) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.err = errors.Join(l.err, err)
}

func (l *Lab) onClose(stop func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stops = append(l.stops, stop)
}

// Close stops all services.
func (l *Lab) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, stop := range l.stops {
		stop()
	}
}

// listen opens a port of a loopback address.
func (l *Lab) listen(address string) net.Listener {
	listener, err := net.Listen("tcp", address) //nolint:noctx // loopback, at once
	if err != nil {
		l.fail(fmt.Errorf("listen: %w", err))
		listener, _ = net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // Err tells
	}
	return listener
}

// serve answers HTTP on a listener and returns its base address.
func (l *Lab) serve(listener net.Listener, handler http.Handler) string {
	server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(listener) }()
	l.onClose(func() { _ = server.Close() })
	return "http://" + listener.Addr().String()
}

// http serves a handler on a port of its own.
func (l *Lab) http(handler http.HandlerFunc) string {
	return l.serve(l.listen("127.0.0.1:0"), handler)
}

// https serves a handler with a certificate for a host, until the given time.
func (l *Lab) https(handler http.HandlerFunc, host string, until time.Time) (port string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		l.fail(err)
		return ""
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		NotBefore: until.Add(-48 * time.Hour), NotAfter: until,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, l.caCert, key.Public(), l.caKey)
	if err != nil {
		l.fail(err)
		return ""
	}
	listener := l.listen("127.0.0.1:0")
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: time.Minute, ErrorLog: silent,
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}},
	}
	go func() { _ = server.ServeTLS(listener, "", "") }()
	l.onClose(func() { _ = server.Close() })
	_, port, _ = net.SplitHostPort(listener.Addr().String())
	return port
}

// raw serves bytes of its own making on every connection.
func (l *Lab) raw(do func(net.Conn)) string {
	listener := l.listen("127.0.0.1:0")
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				do(conn)
			}()
		}
	}()
	l.onClose(func() { _ = listener.Close() })
	return "http://" + listener.Addr().String()
}

// closedPort returns the address of a port on which nothing listens. It is not
// on the address of the other services, which might take it.
func (l *Lab) closedPort() string {
	listener := l.listen("127.0.0.9:0")
	address := listener.Addr().String()
	_ = listener.Close()
	return address
}
