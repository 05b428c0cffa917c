// Package s3 keeps objects in memory, with the conditional writes that make a lock out of a bucket. Path style only.
// https://docs.aws.amazon.com/AmazonS3/latest/API/
package s3

import (
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/org/shipkit/internal/localaws/kept"
	"github.com/org/shipkit/internal/localaws/wire"
)

// Clock tells the simulated time.
type Clock interface{ Now() time.Time }

// Service is the Simple Storage Service.
type Service struct {
	kept.State

	clock Clock

	mu      sync.Mutex
	buckets map[string]*bucket // names are global
}

type bucket struct {
	Owner, Region string
	Created       time.Time
	Objects       map[string]*object
}

type object struct {
	Body     []byte
	ETag     string // with its quotes
	Type     string
	Modified time.Time
	Meta     map[string]string // x-amz-meta-… headers
}

// New returns a service without buckets.
func New(c Clock) *Service {
	s := &Service{clock: c, buckets: map[string]*bucket{}}
	s.State = kept.Of(&s.mu, &s.buckets)
	return s
}

// Wire puts the service on the wire.
func (s *Service) Wire() *wire.Service {
	w := wire.NewService(wire.ServiceInfo{Name: "s3", Protocol: wire.RESTXML})
	wire.HandleHTTP(w, "CreateBucket", "PUT", "/{Bucket}", s.createBucket)
	wire.HandleHTTP(w, "HeadBucket", "HEAD", "/{Bucket}", s.headBucket)
	wire.HandleHTTP(w, "DeleteBucket", "DELETE", "/{Bucket}", s.deleteBucket)
	wire.HandleHTTP(w, "ListObjectsV2", "GET", "/{Bucket}?list-type=2", s.listObjects)
	wire.HandleHTTP(w, "PutObject", "PUT", "/{Bucket}/{Key+}", s.putObject)
	wire.HandleHTTP(w, "GetObject", "GET", "/{Bucket}/{Key+}", s.getObject)
	wire.HandleHTTP(w, "HeadObject", "HEAD", "/{Bucket}/{Key+}", s.getObject)
	wire.HandleHTTP(w, "DeleteObject", "DELETE", "/{Bucket}/{Key+}", s.deleteObject)
	return w
}

// split takes bucket and key out of a path.
func split(r *http.Request) (bucket, key string) {
	bucket, key, _ = strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	return bucket, key
}

// open finds a bucket that the caller may use: local AWS shares none between accounts. The lock is held.
func (s *Service) open(r *http.Request) (b *bucket, key string, err error) {
	name, key := split(r)
	b = s.buckets[name]
	if b == nil {
		return nil, "", wire.Errorf("NoSuchBucket", 404, "The specified bucket does not exist")
	}
	if b.Owner != wire.Caller(r.Context()).AccountID {
		return nil, "", wire.Errorf("AccessDenied", 403, "Access Denied")
	}
	return b, key, nil
}
