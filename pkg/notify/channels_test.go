package notify_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/google/go-cmp/cmp"
	"github.com/org/shipkit/pkg/notify"
)

var message = notify.Message{
	Status: notify.Failure, Title: "shop: deployment of v2 failed", Text: "rolled back <!channel> & fine",
	Fields: []notify.Field{{Name: "Environment", Value: "production"}, {Name: "Version", Value: "<b>v2</b>"}},
	Link:   "https://github.com/org/shop/actions/runs/1",
}

// receive returns the address of a webhook and what it got.
func receive(t *testing.T, status int, answer string) (address string, got func() (*http.Request, []byte)) {
	t.Helper()
	var request *http.Request
	var body []byte
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		request = r
		body, _ = io.ReadAll(r.Body)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(server.Close)
	return server.URL + "/services/T0/SECRETPATH?key=SECRETQUERY", func() (*http.Request, []byte) { return request, body }
}

func TestSlack(t *testing.T) {
	address, got := receive(t, 200, "ok")
	if err := (notify.Slack{Client: notify.NewClient(), Webhook: address}).Send(t.Context(), message); err != nil {
		t.Fatal(err)
	}
	_, body := got()
	var payload struct {
		Text   string
		Blocks []struct {
			Type   string
			Text   struct{ Text string }
			Fields []struct{ Text string }
		}
	}
	if err := json.Unmarshal(body, &payload); err != nil {
		t.Fatal(err)
	}
	if len(payload.Blocks) != 4 || payload.Blocks[0].Text.Text != "❌ shop: deployment of v2 failed" || len(payload.Blocks[2].Fields) != 2 {
		t.Errorf("payload %s", body)
	}
	if payload.Blocks[1].Text.Text != "rolled back &lt;!channel&gt; &amp; fine" {
		t.Errorf("a text can mention people: %s", payload.Blocks[1].Text.Text)
	}
}

func TestSlackKeepsItsLimits(t *testing.T) {
	address, got := receive(t, 200, "ok")
	long := notify.Message{Title: strings.Repeat("é", 400), Text: strings.Repeat("x", 5000)}
	for range 23 {
		long.Fields = append(long.Fields, notify.Field{Name: "n", Value: strings.Repeat("v", 5000)})
	}
	if err := (notify.Slack{Client: notify.NewClient(), Webhook: address}).Send(t.Context(), long); err != nil {
		t.Fatal(err)
	}
	_, body := got()
	var payload struct {
		Blocks []struct {
			Text   struct{ Text string }
			Fields []struct{ Text string }
		}
	}
	if err := json.Unmarshal(body, &payload); err != nil {
		t.Fatal(err)
	}
	for i, block := range payload.Blocks {
		if n := len([]rune(block.Text.Text)); n > 3000 || i == 0 && n > 150 || len(block.Fields) > 10 {
			t.Errorf("block %d: %d runes, %d fields", i, n, len(block.Fields))
		}
		for _, f := range block.Fields {
			if len([]rune(f.Text)) > 2000 {
				t.Errorf("a field of %d runes", len([]rune(f.Text)))
			}
		}
	}
}

func TestTeams(t *testing.T) {
	address, got := receive(t, 202, "")
	if err := (notify.Teams{Client: notify.NewClient(), Webhook: address}).Send(t.Context(), message); err != nil {
		t.Fatal(err)
	}
	_, body := got()
	var payload struct {
		Attachments []struct {
			ContentType string
			Content     struct {
				Type    string
				Body    []struct{ Type string }
				Actions []struct{ URL string }
			}
		}
	}
	if err := json.Unmarshal(body, &payload); err != nil || len(payload.Attachments) != 1 {
		t.Fatalf("payload %s: %v", body, err)
	}
	card := payload.Attachments[0].Content
	if card.Type != "AdaptiveCard" || len(card.Body) != 3 || card.Actions[0].URL != message.Link {
		t.Errorf("card %+v", card)
	}
}

func TestWebhookIsSigned(t *testing.T) {
	address, got := receive(t, 204, "")
	hook := notify.Webhook{Client: notify.NewClient(), Address: address, Secret: "s3cret"}
	if err := hook.Send(t.Context(), message); err != nil {
		t.Fatal(err)
	}
	request, body := got()
	var back notify.Message
	if err := json.Unmarshal(body, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(message, back); diff != "" {
		t.Errorf("message (-want +got):\n%s", diff)
	}
	mac := hmac.New(sha256.New, []byte("s3cret"))
	mac.Write(body)
	if want := "sha256=" + hex.EncodeToString(mac.Sum(nil)); request.Header.Get(notify.SignatureHeader) != want {
		t.Errorf("signature %q, want %q", request.Header.Get(notify.SignatureHeader), want)
	}
}

func TestFailuresOfWebhooks(t *testing.T) {
	echo := "no such hook: /services/T0/SECRETPATH?key=SECRETQUERY"
	for status, temporary := range map[int]bool{301: false, 400: false, 404: false, 429: true, 500: true, 503: true} {
		address, _ := receive(t, status, echo)
		err := notify.Slack{Client: notify.NewClient(), Webhook: address}.Send(t.Context(), message)
		var again *notify.TemporaryError
		if err == nil || errors.As(err, &again) != temporary || !strings.Contains(err.Error(), fmt.Sprint(status)) {
			t.Errorf("status %d: %v, want temporary: %t", status, err, temporary)
		}
		if err != nil && strings.Contains(err.Error(), "SECRET") {
			t.Errorf("the address is told: %v", err)
		}
	}
	for _, address := range []string{"http://127.0.0.1:1/SECRETPATH", "http://SECRETUSER:x@127.0.0.1:1/", "http://h:SECRETPORT/", "http://127.0.0.1:1/\x7fSECRET"} {
		err := notify.Teams{Client: notify.NewClient(), Webhook: address}.Send(t.Context(), message)
		if err == nil || strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%s: %v", address, err)
		}
	}
}

type ses struct {
	in  *sesv2.SendEmailInput
	err error
}

func (s *ses) SendEmail(_ context.Context, in *sesv2.SendEmailInput, _ ...func(*sesv2.Options)) (*sesv2.SendEmailOutput, error) {
	s.in = in
	return &sesv2.SendEmailOutput{}, s.err
}

func TestSES(t *testing.T) {
	client := &ses{}
	mail := notify.SES{Client: client, From: "deploy@example.com", To: []string{"a@example.com"}}
	if err := mail.Send(t.Context(), message); err != nil {
		t.Fatal(err)
	}
	simple := client.in.Content.Simple
	if *simple.Subject.Data != "❌ shop: deployment of v2 failed" || !strings.Contains(*simple.Body.Text.Data, "Version: <b>v2</b>") {
		t.Errorf("e-mail %q %q", *simple.Subject.Data, *simple.Body.Text.Data)
	}
	client.err = errors.New("MessageRejected: Email address is not verified")
	if err := mail.Send(t.Context(), message); err == nil || !strings.Contains(err.Error(), "send by Amazon SES") {
		t.Errorf("%v", err)
	}
}
