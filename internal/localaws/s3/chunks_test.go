package s3

import (
	"bufio"
	"bytes"
	"io"
	"strings"
	"testing"
)

func unchunk(body string) (string, error) {
	out, err := io.ReadAll(&chunks{from: bufio.NewReader(strings.NewReader(body))})
	return string(out), err
}

func TestChunks(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		"5\r\nhello\r\n0\r\n\r\n": "hello",
		"5;chunk-signature=ab\r\nhello\r\n1\r\n!\r\n0\r\nx-amz-a:b\r\n": "hello!",
		"0\r\n": "",
	} {
		if got, err := unchunk(body); err != nil || got != want {
			t.Errorf("%q: %q, %v, want %q", body, got, err, want)
		}
	}
	for _, body := range []string{"", "5\r\nhel", "x\r\nhello", "-5\r\nhello", "5\r\nhello\r\n"} {
		if got, err := unchunk(body); err == nil {
			t.Errorf("%q was taken as %q", body, got)
		}
	}
}

func FuzzChunks(f *testing.F) {
	f.Add("5\r\nhello\r\n0\r\n\r\n")
	f.Add("ffffffffffffffff\r\n")
	f.Fuzz(func(t *testing.T, body string) {
		got, err := unchunk(body)
		if err == nil && len(got) > len(body) {
			t.Errorf("%d bytes came out of %d", len(got), len(body))
		}
		if err == nil && !bytes.Contains([]byte(body), []byte("\n")) {
			t.Errorf("%q has no chunk, and was taken", body)
		}
	})
}
