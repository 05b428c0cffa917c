package probe

import "crypto/tls"

// leaf returns the server's own certificate, or nil without TLS.
func leaf(state *tls.ConnectionState) *Certificate {
	if state == nil || len(state.PeerCertificates) == 0 {
		return nil
	}
	cert := state.PeerCertificates[0]
	return &Certificate{
		Subject:  cert.Subject.String(),
		Issuer:   cert.Issuer.String(),
		DNSNames: cert.DNSNames,
		NotAfter: cert.NotAfter,
		Valid:    cert.VerifyHostname,
	}
}
