package s3

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/org/shipkit/internal/localaws/wire"
)

var validBucket = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

func (s *Service) createBucket(w http.ResponseWriter, r *http.Request) error {
	name, _ := split(r)
	if !validBucket.MatchString(name) {
		return wire.Errorf("InvalidBucketName", 400, "The specified bucket is not valid.")
	}
	id := wire.Caller(r.Context())
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.buckets[name]; old != nil {
		if old.Owner != id.AccountID {
			return wire.Errorf("BucketAlreadyExists", 409, "The requested bucket name is not available.")
		}
		return wire.Errorf("BucketAlreadyOwnedByYou", 409, "Your previous request to create the named bucket succeeded and you already own it.")
	}
	s.buckets[name] = &bucket{Owner: id.AccountID, Region: id.Region, Created: s.clock.Now(), Objects: map[string]*object{}}
	w.Header().Set("Location", "/"+name)
	return nil
}

func (s *Service) headBucket(w http.ResponseWriter, r *http.Request) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, _, err := s.open(r)
	if err == nil {
		w.Header().Set("X-Amz-Bucket-Region", b.Region)
	}
	return err
}

func (s *Service) deleteBucket(w http.ResponseWriter, r *http.Request) error {
	name, _ := split(r)
	s.mu.Lock()
	defer s.mu.Unlock()
	b, _, err := s.open(r)
	if err != nil {
		return err
	}
	if len(b.Objects) > 0 {
		return wire.Errorf("BucketNotEmpty", 409, "The bucket you tried to delete is not empty")
	}
	delete(s.buckets, name)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

type listing struct {
	XMLName               xml.Name `xml:"ListBucketResult"`
	Name                  string
	Prefix                string
	KeyCount              int
	MaxKeys               int
	IsTruncated           bool
	NextContinuationToken string `xml:",omitempty"`
	Contents              []entry
}

type entry struct {
	Key          string
	LastModified string
	ETag         string
	Size         int
	StorageClass string
}

// listObjects lists keys by prefix; the token is the last key of the page.
func (s *Service) listObjects(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	size := 1000
	if n, err := strconv.Atoi(q.Get("max-keys")); err == nil && n < size && n >= 0 {
		size = n
	}
	if q.Get("delimiter") != "" {
		return wire.Errorf("NotImplemented", 501, "local AWS lists without delimiter only")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b, _, err := s.open(r)
	if err != nil {
		return err
	}
	out := listing{Name: strings.Trim(r.URL.Path, "/"), Prefix: q.Get("prefix"), MaxKeys: size}
	after := max(q.Get("start-after"), q.Get("continuation-token"))
	for _, key := range b.keys(out.Prefix, after) {
		if len(out.Contents) == size {
			out.IsTruncated = true
			if size > 0 {
				out.NextContinuationToken = out.Contents[size-1].Key
			}
			break
		}
		o := b.Objects[key]
		out.Contents = append(out.Contents, entry{Key: key, LastModified: o.Modified.Format(time.RFC3339), ETag: o.ETag,
			Size: len(o.Body), StorageClass: "STANDARD"})
	}
	out.KeyCount = len(out.Contents)
	w.Header().Set("Content-Type", "application/xml")
	if err := xml.NewEncoder(w).Encode(out); err != nil {
		return fmt.Errorf("list bucket: %w", err)
	}
	return nil
}

func (b *bucket) keys(prefix, after string) []string {
	var keys []string
	for key := range b.Objects {
		if strings.HasPrefix(key, prefix) && key > after {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}
