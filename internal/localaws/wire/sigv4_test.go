package wire

import (
	"net/http"
	"net/url"
	"testing"
)

func FuzzParseSignature(f *testing.F) {
	f.Add("AWS4-HMAC-SHA256 Credential=AKID/20260101/eu-west-1/ecs/aws4_request, SignedHeaders=host;x-amz-date, Signature=00", "/a b")
	f.Add("AWS4-HMAC-SHA256 Credential=////aws4_request,SignedHeaders=;,Signature=", "/%zz?a=1&a=0")
	f.Add("Basic YTpi", "")
	f.Fuzz(func(t *testing.T, header, path string) {
		r := &http.Request{Method: http.MethodPost, Header: http.Header{"Authorization": {header}}, URL: &url.URL{Path: path}}
		sig, err := parseSignature(r)
		if err != nil {
			return
		}
		if len(sig.headers) == 0 {
			t.Errorf("%q: a signature without headers was taken", header)
		}
		if id, err := sig.authenticate(r, nil, oneKey{}); err == nil && sig.value == "" {
			t.Errorf("an empty signature was taken as %+v", id)
		}
	})
}
