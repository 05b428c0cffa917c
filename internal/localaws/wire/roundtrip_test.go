package wire

import (
	"context"
	"net/http/httptest"
	"reflect"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// rpcServices are the services of the RPC protocols, as the suite's clients speak to them.
var rpcServices = []struct {
	info   ServiceInfo
	client func(aws.Config) any
}{
	{ServiceInfo{Name: "ecs", Protocol: JSON11, LowerCamel: true}, func(c aws.Config) any { return ecs.NewFromConfig(c) }},
	{ServiceInfo{Name: "ecr", Protocol: JSON11, LowerCamel: true}, func(c aws.Config) any { return ecr.NewFromConfig(c) }},
	{ServiceInfo{Name: "logs", Protocol: JSON11, LowerCamel: true},
		func(c aws.Config) any { return cloudwatchlogs.NewFromConfig(c) }},
	{ServiceInfo{Name: "ssm", Protocol: JSON11}, func(c aws.Config) any { return ssm.NewFromConfig(c) }},
	{ServiceInfo{Name: "kms", Protocol: JSON11}, func(c aws.Config) any { return kms.NewFromConfig(c) }},
	{ServiceInfo{Name: "secretsmanager", Protocol: JSON11}, func(c aws.Config) any { return secretsmanager.NewFromConfig(c) }},
	{ServiceInfo{Name: "tagging", Protocol: JSON11},
		func(c aws.Config) any { return resourcegroupstaggingapi.NewFromConfig(c) }},
	{ServiceInfo{Name: "application-autoscaling", Protocol: JSON11},
		func(c aws.Config) any { return applicationautoscaling.NewFromConfig(c) }},
	{ServiceInfo{Name: "monitoring", Protocol: RPCv2}, func(c aws.Config) any { return cloudwatch.NewFromConfig(c) }},
	{ServiceInfo{Name: "rds", Protocol: Query}, func(c aws.Config) any { return rds.NewFromConfig(c) }},
	{ServiceInfo{Name: "cloudformation", Protocol: Query}, func(c aws.Config) any { return cloudformation.NewFromConfig(c) }},
	{ServiceInfo{Name: "elasticloadbalancing", Protocol: Query},
		func(c aws.Config) any { return elasticloadbalancingv2.NewFromConfig(c) }},
	{ServiceInfo{Name: "iam", Protocol: Query}, func(c aws.Config) any { return iam.NewFromConfig(c) }},
	{ServiceInfo{Name: "sns", Protocol: Query}, func(c aws.Config) any { return sns.NewFromConfig(c) }},
	{ServiceInfo{Name: "sts", Protocol: Query}, func(c aws.Config) any { return sts.NewFromConfig(c) }},
}

// notSpoken are operations that no action of the suite calls, with what the codecs or this test leave out for them.
var notSpoken = map[string]string{
	"ecs CreateGateway": "required union", "ssm CreateCloudConnector": "required union", "logs PutIntegration": "required union",
	"logs GetLogObject": "event stream", "logs StartLiveTail": "event stream",
	"ssm DescribeInstanceInformation": "filter in lower case", "ssm DescribeInstanceProperties": "filter in lower case",
	"ssm DescribeSessions": "filter in lower case", "ssm ListAssociations": "filter in lower case",
	"ssm ListCommandInvocations": "filter in lower case", "ssm ListCommands": "filter in lower case",
	"ssm ListDocuments": "filter in lower case", "logs DescribeDestinations": "DestinationNamePrefix in upper case",
	"sns CheckIfPhoneNumberIsOptedOut": "members in lower case", "sns GetSMSAttributes": "members in lower case",
	"sns ListPhoneNumbersOptedOut": "members in lower case", "sns OptInPhoneNumber": "members in lower case",
	"sns SetSMSAttributes": "members in lower case",
	"ssm GetInventory":     "recursive input", "ssm GetOpsSummary": "recursive input", "ssm ListNodesSummary": "recursive input",
}

// TestEveryOperationRoundTrips fills every input and output struct of the SDK's services, and compares what arrives on
// either side with what was sent: the SDK's own serializers judge the codecs.
func TestEveryOperationRoundTrips(t *testing.T) {
	for _, service := range rpcServices {
		t.Run(service.info.Name, func(t *testing.T) {
			t.Parallel()
			roundTripService(t, service.info, service.client)
		})
	}
}

func roundTripService(t *testing.T, info ServiceInfo, newClient func(aws.Config) any) {
	svc := NewService(info)
	mux := NewMux(oneKey{}, nil)
	mux.Add(svc)
	server := httptest.NewServer(mux)
	defer server.Close()
	client := reflect.ValueOf(newClient(testConfig(server.URL)))
	operations := 0
	for i := range client.NumMethod() {
		method := client.Type().Method(i)
		if !isOperation(method.Type) || notSpoken[info.Name+" "+method.Name] != "" {
			continue
		}
		var received any
		input := fill(method.Type.In(2).Elem(), 0)
		output := fill(method.Type.Out(0).Elem(), 0)
		svc.add(&operation{name: method.Name, input: input.Type(), output: output.Type(),
			anonymous: true,
			call: func(_ context.Context, in any) (any, error) {
				received = in
				return output.Addr().Interface(), nil
			}})
		operations++
		results := client.Method(i).Call([]reflect.Value{reflect.ValueOf(t.Context()), input.Addr()})
		if err, _ := results[1].Interface().(error); err != nil {
			t.Errorf("%s: %v", method.Name, err)
			continue
		}
		if got, want := show(reflect.ValueOf(received).Elem()), show(input); got != want {
			t.Errorf("%s: input\n got %s\nwant %s", method.Name, got, want)
		}
		if got, want := show(results[0].Elem()), show(output); got != want {
			t.Errorf("%s: output\n got %s\nwant %s", method.Name, got, want)
		}
	}
	if operations == 0 {
		t.Error("found no operation on the client")
	}
	t.Logf("%d operations", operations)
}

func isOperation(t reflect.Type) bool {
	return t.NumIn() == 4 && t.NumOut() == 2 && t.In(2).Kind() == reflect.Pointer && t.Out(0).Kind() == reflect.Pointer
}

func show(v reflect.Value) string {
	return string(appendJSON(nil, encode(v, asIs)))
}

// fill sets every member of an SDK struct, down to fourteen levels.
func fill(t reflect.Type, depth int) reflect.Value {
	v := reflect.New(t).Elem()
	switch t.Kind() {
	case reflect.Pointer:
		if depth < 16 {
			v.Set(fill(t.Elem(), depth+1).Addr())
		}
	case reflect.Struct:
		if t == timeType {
			v.Set(reflect.ValueOf(time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)))
			break
		}
		if depth > 14 {
			break
		}
		for _, f := range members(t) {
			if f.Name != "SourceRegion" { // makes the client presign a second request
				v.FieldByIndex(f.Index).Set(fill(f.Type, depth+1))
			}
		}
	case reflect.Slice:
		fillSlice(v, depth)
	case reflect.Map:
		v.Set(reflect.MakeMap(t))
		v.SetMapIndex(reflect.ValueOf("k1").Convert(t.Key()), fill(t.Elem(), depth+1))
		v.SetMapIndex(reflect.ValueOf("k2").Convert(t.Key()), fill(t.Elem(), depth+1))
	case reflect.String:
		v.SetString("a <b> & \"ü\"\n")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Float32, reflect.Float64:
		v.SetFloat(1.5)
	case reflect.Int, reflect.Int32, reflect.Int64:
		v.SetInt(42)
	}
	return v
}

func fillSlice(v reflect.Value, depth int) {
	t := v.Type()
	if t.Elem().Kind() == reflect.Uint8 {
		v.SetBytes([]byte{0, 1, 255})
		return
	}
	if t.Elem().Kind() == reflect.Interface {
		return
	}
	v.Set(reflect.MakeSlice(t, 2, 2))
	v.Index(0).Set(fill(t.Elem(), depth+1))
	v.Index(1).Set(fill(t.Elem(), depth+1))
}

type oneKey struct{}

func (oneKey) Lookup(id string) (Key, bool) {
	return Key{AccountID: DefaultAccount, SecretKey: DefaultSecretKey}, id == DefaultAccessKey
}

func testConfig(url string) aws.Config {
	return aws.Config{
		Region: DefaultRegion, BaseEndpoint: aws.String(url), RetryMaxAttempts: 4,
		Credentials: credentials.NewStaticCredentialsProvider(DefaultAccessKey, DefaultSecretKey, ""),
	}
}
