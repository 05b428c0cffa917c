package engine

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// Certificate and Key are the files in a data folder that Certify writes.
const (
	Certificate = "server.crt"
	Key         = "server.key"
)

// Certify gives a server a key and a certificate that it signs itself, so that
// it encrypts if a client wants it, as RDS's do.
func (e *Engine) Certify(dir string) error {
	pair, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("make a key: %w", err)
	}
	content := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "local RDS"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(10, 0, 0),
	}
	signed, err := x509.CreateCertificate(rand.Reader, content, content, &pair.PublicKey, pair)
	if err != nil {
		return fmt.Errorf("make a certificate: %w", err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(pair)
	if err != nil {
		return fmt.Errorf("make a key: %w", err)
	}
	write := func(name, kind string, der []byte) error {
		path := filepath.Join(dir, name)
		return errors.Join(os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600), e.own(path))
	}
	return errors.Join(write(Certificate, "CERTIFICATE", signed), write(Key, "PRIVATE KEY", private))
}
