package wire

import (
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/sns"
)

func TestDecodeQueryForms(t *testing.T) {
	t.Parallel()
	info := &ServiceInfo{Name: "rds", Protocol: Query}
	for form, want := range map[string]string{
		"Tags.Tag.1.Key=a&Tags.Tag.2.Key=b":       `{"Tags":[{"Key":"a"},{"Key":"b"}]}`,
		"Tags.member.1.Key=a":                     `{"Tags":[{"Key":"a"}]}`,
		"Tags.1.Key=a":                            `{"Tags":[{"Key":"a"}]}`,
		"Tags.Tag.10.Key=j&Tags.Tag.9.Key=i":      `{"Tags":[{"Key":"i"},{"Key":"j"}]}`,
		"Tags=":                                   `{"Tags":[]}`,
		"AllocatedStorage=20&MultiAZ=true":        `{"AllocatedStorage":20,"MultiAZ":true}`,
		"DBInstanceIdentifier=a&NoSuchMember.1=b": `{"DBInstanceIdentifier":"a"}`,
	} {
		values, err := url.ParseQuery(form)
		if err != nil {
			t.Fatal(err)
		}
		var in rds.CreateDBInstanceInput
		if err := info.decodeQuery(values, reflect.ValueOf(&in).Elem()); err != nil {
			t.Errorf("%s: %v", form, err)
			continue
		}
		if got := show(reflect.ValueOf(in)); got != want {
			t.Errorf("%s: got %s, want %s", form, got, want)
		}
	}
}

func TestDecodeMapsOfSNS(t *testing.T) {
	t.Parallel()
	values, _ := url.ParseQuery("MessageAttributes.entry.1.Name=a&MessageAttributes.entry.1.Value.DataType=String")
	var in sns.PublishInput
	if err := (&ServiceInfo{}).decodeQuery(values, reflect.ValueOf(&in).Elem()); err != nil {
		t.Fatal(err)
	}
	if a, ok := in.MessageAttributes["a"]; !ok || *a.DataType != "String" {
		t.Errorf("attributes = %v", in.MessageAttributes)
	}
}

func TestDecodeNamesTheMemberThatIsWrong(t *testing.T) {
	t.Parallel()
	info := &ServiceInfo{LowerCamel: true}
	for body, want := range map[string]string{
		`{"desiredCount":"2"}`:                       `desiredCount: expected int32, got "2"`,
		`{"desiredCount":2.5}`:                       `desiredCount: expected int32, got 2.5`,
		`{"desiredCount":99999999999}`:               `desiredCount: expected int32, got 99999999999`,
		`{"cluster":7}`:                              `cluster: expected string, got 7`,
		`{"forceNewDeployment":"yes"}`:               `forceNewDeployment: expected bool, got "yes"`,
		`{"loadBalancers":{}}`:                       `loadBalancers: expected a list, got a structure`,
		`{"loadBalancers":[{"containerPort":true}]}`: `loadBalancers.1.containerPort: expected int32, got true`,
		`{"deploymentConfiguration":[]}`:             `deploymentConfiguration: expected a structure, got a list`,
		`[]`:                                         `the body must be a JSON object, got a list`,
		`{`:                                          `the body is not JSON`,
		`{"deploymentConfiguration":{"bakeTimeInMinutes"}`: `the body is not JSON`,
	} {
		var in ecs.UpdateServiceInput
		err := info.decodeJSON([]byte(body), reflect.ValueOf(&in).Elem())
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", body, err, want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"cluster":"a","loadBalancers":[{"containerPort":80}]}`))
	f.Add([]byte(`Tags.Tag.1.Key=a&Tags.member.1=b&Tags=&A.b.c=1&A=2`))
	f.Add([]byte(`<a><b>1</b><b/><c><d>x</d></c></a>`))
	f.Add([]byte{0xbf, 0x61, 0x61, 0x01, 0xff})
	f.Fuzz(func(t *testing.T, body []byte) {
		var e ecs.CreateServiceInput
		info := &ServiceInfo{LowerCamel: true}
		if info.decodeJSON(body, reflect.ValueOf(&e).Elem()) == nil {
			again := show(reflect.ValueOf(e))
			var second ecs.CreateServiceInput
			if err := (&ServiceInfo{}).decodeJSON([]byte(again), reflect.ValueOf(&second).Elem()); err != nil {
				t.Errorf("what was decoded does not decode again: %s: %v", again, err)
			}
		}
		var r rds.CreateDBInstanceInput
		if form, err := url.ParseQuery(string(body)); err == nil {
			_ = info.decodeQuery(form, reflect.ValueOf(&r).Elem())
		}
		if tree, err := parseXML(body); err == nil {
			_ = decode(reflect.ValueOf(&r).Elem(), tree, asIs, "")
		}
		_ = decodeCBOR(body, reflect.ValueOf(&r).Elem())
	})
}
