package ecsdeploy

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/google/go-cmp/cmp"

	"github.com/org/shipkit/pkg/ecsdeploy/taskdef"
)

// What ECS receives is the document itself, unknown members included, also
// after a retry; "Too many concurrent attempts" is tried again.
func TestRegisterSendsTheDocumentItself(t *testing.T) {
	const document = `{"containerDefinitions":[{"command":[],"image":"web:1","name":"web","newThing":{"a":1.50}}],"family":"web","future":true}`
	answers := []struct {
		status int
		body   string
	}{
		{http.StatusInternalServerError, `{"__type":"ServerException"}`},
		{http.StatusBadRequest, `{"__type":"ClientException","message":"Too many concurrent attempts to create a new revision of the specified family."}`},
		{http.StatusOK, `{"taskDefinition":{"taskDefinitionArn":"arn:web:2"}}`},
	}
	var bodies []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.Header.Get("X-Amz-Target") != "AmazonEC2ContainerServiceV20141113.RegisterTaskDefinition" {
			t.Errorf("got %s, %v", r.Header.Get("X-Amz-Target"), err)
		}
		answer := answers[min(len(bodies), len(answers)-1)]
		bodies = append(bodies, string(body))
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		w.WriteHeader(answer.status)
		_, _ = fmt.Fprint(w, answer.body)
	}))
	defer server.Close()
	client := ecs.New(ecs.Options{
		Region: "eu-west-1", BaseEndpoint: aws.String(server.URL), Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""),
	})
	d, err := taskdef.Parse("task.json", []byte(document))
	if err != nil {
		t.Fatal(err)
	}
	arn, err := register(t.Context(), &Clients{TaskDefinitions: client}, d)
	if err != nil || arn != "arn:web:2" {
		t.Fatalf("got %q, %v", arn, err)
	}
	if diff := cmp.Diff([]string{document, document, document}, bodies); diff != "" {
		t.Error(diff)
	}
}
