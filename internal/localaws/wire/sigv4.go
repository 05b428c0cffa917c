package wire

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Key is what an access key ID stands for.
type Key struct {
	AccountID    string
	SecretKey    string
	SessionToken string    // empty for a long-term key
	Expires      time.Time // zero: never
	ARN          string
}

// Keyring knows the access keys of local AWS.
type Keyring interface {
	Lookup(accessKeyID string) (Key, bool)
}

// What can be wrong with a request's credentials. Each service has its own codes for them (see denied).
var (
	errNoCredentials = errors.New("request is missing its Authorization header")
	errUnknownKey    = errors.New("the security token included in the request is invalid")
	errExpired       = errors.New("the security token included in the request is expired")
	errSignature     = errors.New("the request signature we calculated does not match the signature you provided; " +
		"check your AWS secret access key and signing method")
	errScope = errors.New("the Authorization header is not AWS Signature Version 4")
)

const algorithm = "AWS4-HMAC-SHA256"

// signature is a parsed Authorization header:
// AWS4-HMAC-SHA256 Credential=AKID/20250101/eu-west-1/ecs/aws4_request, SignedHeaders=host;x-amz-date, Signature=…
type signature struct {
	accessKeyID, date, region, service string
	headers                            []string
	value                              string
}

func parseSignature(r *http.Request) (signature, error) {
	header := r.Header.Get("Authorization")
	if header == "" {
		return signature{}, errNoCredentials
	}
	rest, ok := strings.CutPrefix(header, algorithm+" ")
	if !ok {
		return signature{}, errScope
	}
	fields := map[string]string{}
	for part := range strings.SplitSeq(rest, ",") {
		key, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		fields[key] = value
	}
	scope := strings.Split(fields["Credential"], "/")
	if len(scope) != 5 || scope[4] != "aws4_request" || fields["SignedHeaders"] == "" {
		return signature{}, errScope
	}
	return signature{accessKeyID: scope[0], date: scope[1], region: scope[2], service: scope[3],
		headers: strings.Split(fields["SignedHeaders"], ";"), value: fields["Signature"]}, nil
}

// authenticate checks the signature against the key ring and says who calls.
func (sig signature) authenticate(r *http.Request, body []byte, keys Keyring) (Identity, error) {
	key, ok := keys.Lookup(sig.accessKeyID)
	if !ok || key.SessionToken != r.Header.Get("X-Amz-Security-Token") {
		return Identity{}, errUnknownKey
	}
	if !key.Expires.IsZero() && !time.Now().Before(key.Expires) {
		return Identity{}, errExpired
	}
	if !hmac.Equal([]byte(sig.sign(r, body, key.SecretKey)), []byte(sig.value)) {
		return Identity{}, errSignature
	}
	return Identity{AccountID: key.AccountID, Region: sig.region, AccessKeyID: sig.accessKeyID, ARN: key.ARN}, nil
}

// sign computes the signature that the request should bear.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
func (sig signature) sign(r *http.Request, body []byte, secret string) string {
	scope := strings.Join([]string{sig.date, sig.region, sig.service, "aws4_request"}, "/")
	request := sha256.Sum256([]byte(sig.canonicalRequest(r, body)))
	toSign := strings.Join([]string{algorithm, r.Header.Get("X-Amz-Date"), scope, hex.EncodeToString(request[:])}, "\n")
	key := []byte("AWS4" + secret)
	for _, part := range []string{sig.date, sig.region, sig.service, "aws4_request"} {
		key = mac(key, part)
	}
	return hex.EncodeToString(mac(key, toSign))
}

func mac(key []byte, data string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(data))
	return h.Sum(nil)
}

func (sig signature) canonicalRequest(r *http.Request, body []byte) string {
	path := r.URL.EscapedPath()
	if path == "" {
		path = "/"
	}
	if sig.service != "s3" { // every service but S3 encodes the path twice
		path = encodePath(path)
	}
	var headers strings.Builder
	for _, name := range sig.headers {
		headers.WriteString(name + ":" + headerValue(r, name) + "\n")
	}
	payload := r.Header.Get("X-Amz-Content-Sha256")
	if payload == "" {
		sum := sha256.Sum256(body)
		payload = hex.EncodeToString(sum[:])
	}
	return strings.Join([]string{r.Method, path, canonicalQuery(r.URL.Query()), headers.String(),
		strings.Join(sig.headers, ";"), payload}, "\n")
}

func headerValue(r *http.Request, name string) string {
	switch name {
	case "host":
		return r.Host
	case "content-length": // net/http takes it out of the headers
		return r.Header.Get("X-Local-Content-Length")
	}
	values := r.Header.Values(name)
	for i, v := range values {
		values[i] = strings.Join(strings.Fields(v), " ")
	}
	return strings.Join(values, ",")
}

func canonicalQuery(query url.Values) string {
	for _, values := range query {
		slices.Sort(values)
	}
	return strings.ReplaceAll(query.Encode(), "+", "%20")
}

// encodePath percent-encodes everything but unreserved characters and slashes.
func encodePath(path string) string {
	const hexDigits = "0123456789ABCDEF"
	var out strings.Builder
	for i := range len(path) {
		c := path[i]
		if c == '/' || c == '-' || c == '_' || c == '.' || c == '~' ||
			'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' {
			out.WriteByte(c)
			continue
		}
		out.Write([]byte{'%', hexDigits[c>>4], hexDigits[c&15]})
	}
	return out.String()
}

// denied gives a credential fault the code that the protocol's services use for it.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html
func denied(p Protocol, err error) *Error {
	type codes struct{ json, other string }
	known := map[error]codes{
		errNoCredentials: {"MissingAuthenticationTokenException", "MissingAuthenticationToken"},
		errUnknownKey:    {"UnrecognizedClientException", "InvalidClientTokenId"},
		errExpired:       {"ExpiredTokenException", "ExpiredToken"},
		errSignature:     {"InvalidSignatureException", "SignatureDoesNotMatch"},
		errScope:         {"IncompleteSignatureException", "IncompleteSignature"},
	}
	code := known[err]
	message := strings.ToUpper(err.Error()[:1]) + err.Error()[1:] + "."
	if p == Query || p == EC2 || p == RESTXML {
		return Errorf(code.other, http.StatusForbidden, "%s", message)
	}
	return Errorf(code.json, http.StatusBadRequest, "%s", message)
}
