package s3

import (
	"bufio"
	"bytes"
	"crypto/md5" //nolint:gosec // an ETag is an MD5 sum
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/org/shipkit/internal/localaws/wire"
)

// maxObject bounds what is kept in memory.
const maxObject = 64 << 20

// putObject writes an object, if its conditions hold: If-None-Match: * (it must not be there) and If-Match (it must be as
// it was). https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
func (s *Service) putObject(w http.ResponseWriter, r *http.Request) error {
	body, err := readBody(r)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b, key, err := s.open(r)
	if err != nil {
		return err
	}
	if err := checkConditions(r, b.Objects[key]); err != nil {
		return err
	}
	sum := md5.Sum(body) //nolint:gosec // an ETag is an MD5 sum
	o := &object{Body: body, ETag: `"` + hex.EncodeToString(sum[:]) + `"`, Type: r.Header.Get("Content-Type"),
		Modified: s.clock.Now(), Meta: map[string]string{}}
	for name, values := range r.Header {
		if strings.HasPrefix(name, "X-Amz-Meta-") {
			o.Meta[name] = values[0]
		}
	}
	b.Objects[key] = o
	w.Header().Set("ETag", o.ETag)
	return nil
}

func checkConditions(r *http.Request, old *object) error {
	failed := wire.Errorf("PreconditionFailed", 412, "At least one of the pre-conditions you specified did not hold")
	if r.Header.Get("If-None-Match") == "*" && old != nil {
		return failed
	}
	if want := r.Header.Get("If-Match"); want != "" {
		if old == nil {
			return wire.Errorf("NoSuchKey", 404, "The specified key does not exist.")
		}
		if strings.Trim(want, `"`) != strings.Trim(old.ETag, `"`) {
			return failed
		}
	}
	return nil
}

func readBody(r *http.Request) ([]byte, error) {
	var source io.Reader = r.Body
	if strings.HasPrefix(r.Header.Get("X-Amz-Content-Sha256"), "STREAMING-") {
		source = &chunks{from: bufio.NewReader(r.Body)}
	}
	body, err := io.ReadAll(io.LimitReader(source, maxObject+1))
	if err != nil {
		return nil, wire.Errorf("IncompleteBody", 400, "The request body could not be read: %v", err)
	}
	if len(body) > maxObject {
		return nil, wire.Errorf("EntityTooLarge", 400, "local AWS keeps objects of up to %d bytes", maxObject)
	}
	return body, nil
}

// chunks undoes aws-chunked: size[;extension]\r\n data \r\n … 0\r\n trailers.
// https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
type chunks struct {
	from *bufio.Reader
	left int64
	done bool
}

func (c *chunks) Read(p []byte) (int, error) {
	for c.left == 0 {
		if c.done {
			return 0, io.EOF
		}
		if err := c.next(); err != nil {
			return 0, err
		}
	}
	n, err := c.from.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	if c.left == 0 && err == nil {
		_, err = c.from.Discard(2) // \r\n
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF // within a chunk
	}
	return n, err //nolint:wrapcheck // an io.Reader passes on what it gets
}

func (c *chunks) next() error {
	line, err := c.from.ReadString('\n')
	if err != nil {
		return fmt.Errorf("cut off before the last chunk: %w", err)
	}
	size, _, _ := strings.Cut(strings.TrimSpace(line), ";")
	if c.left, err = strconv.ParseInt(size, 16, 64); err != nil || c.left < 0 {
		return fmt.Errorf("malformed chunk size %q", size)
	}
	c.done = c.left == 0
	return nil
}

// getObject serves GetObject and HeadObject, with ranges and conditions as net/http knows them.
func (s *Service) getObject(w http.ResponseWriter, r *http.Request) error {
	s.mu.Lock()
	b, key, err := s.open(r)
	if err != nil {
		s.mu.Unlock()
		return err
	}
	o := b.Objects[key]
	s.mu.Unlock()
	if o == nil {
		return wire.Errorf("NoSuchKey", 404, "The specified key does not exist.")
	}
	for name, value := range o.Meta {
		w.Header().Set(name, value)
	}
	w.Header().Set("ETag", o.ETag)
	w.Header().Set("Content-Type", o.Type)
	http.ServeContent(w, r, "", o.Modified.Truncate(time.Second), bytes.NewReader(o.Body))
	return nil
}

func (s *Service) deleteObject(w http.ResponseWriter, r *http.Request) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, key, err := s.open(r)
	if err != nil {
		return err
	}
	if r.Header.Get("If-Match") != "" {
		if err := checkConditions(r, b.Objects[key]); err != nil {
			return err
		}
	}
	delete(b.Objects, key)
	w.WriteHeader(http.StatusNoContent)
	return nil
}
