package ssm

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ssm"
)

type clock struct{ at time.Time }

func (c *clock) Now() time.Time { return c.at }

func TestRefuseReuse(t *testing.T) {
	c := &clock{at: time.Unix(0, 0)}
	s := New(c)
	put := func() error {
		_, err := s.PutParameter(context.Background(), &ssm.PutParameterInput{Name: new("/a"), Value: new("x"), Type: "String"})
		return err
	}
	again := func() error {
		if _, err := s.DeleteParameter(context.Background(), &ssm.DeleteParameterInput{Name: new("/a")}); err != nil {
			t.Fatal(err)
		}
		return put()
	}
	if err := put(); err != nil {
		t.Fatal(err)
	}
	if err := again(); err != nil {
		t.Errorf("AWS refuses nothing, but: %v", err)
	}
	s.RefuseReuse(30 * time.Second)
	if err := again(); err == nil || !strings.Contains(err.Error(), "Parameter /a was deleted 0s ago") {
		t.Errorf("at once: %v", err)
	}
	c.at = c.at.Add(30 * time.Second)
	if err := put(); err != nil {
		t.Errorf("after 30 s: %v", err)
	}
}
