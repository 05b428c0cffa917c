package probe

// Remedy says what to do about a question without an answer; "" where its text
// says it all.
func (e *Error) Remedy() string {
	switch e.Cause {
	case CauseDNS:
		return "check the name and its DNS record; a new record may take its time to be seen"
	case CauseConnect:
		return "check the port, that the service listens on it, and that security groups and firewalls let this machine in"
	case CauseTLS:
		return "check that the port speaks TLS (https://) and which versions it takes"
	case CauseCertificate:
		return "renew the certificate or add the name to it; for an authority of your own give ca-file"
	case CauseReset:
		return "look at the service's log: it, or what stands before it, closed the connection; https:// may be needed"
	case CauseProtocol:
		return "look at what answers on this port: this is not what an HTTP service sends"
	case CauseTimeout:
		return "raise attempt-timeout, or look why the service takes so long"
	default:
		return ""
	}
}
