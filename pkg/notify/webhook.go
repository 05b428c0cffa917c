package notify

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
)

// SignatureHeader holds the HMAC-SHA256 of a webhook's body, as
// "sha256=" and hex digits.
const SignatureHeader = "X-Shipkit-Signature-256"

// Webhook posts the message itself as JSON.
type Webhook struct {
	Client  Doer
	Address string
	// Secret signs the body if it is not empty.
	Secret string
}

// Name implements Channel.
func (Webhook) Name() string { return "webhook" }

// Send implements Channel.
func (w Webhook) Send(ctx context.Context, m Message) error {
	return post(ctx, w.Client, w.Address, m, w.sign)
}

func (w Webhook) sign(r *http.Request, body []byte) {
	if w.Secret == "" {
		return
	}
	mac := hmac.New(sha256.New, []byte(w.Secret))
	mac.Write(body)
	r.Header.Set(SignatureHeader, "sha256="+hex.EncodeToString(mac.Sum(nil)))
}
