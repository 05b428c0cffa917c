package template

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

const sample = `
AWSTemplateFormatVersion: "2010-09-09"
Parameters:
  Size: {Type: Number, Default: 20}
  Stage: {Type: String}
  Subnets: {Type: "List<AWS::EC2::Subnet::Id>"}
Mappings:
  Class: {prod: {name: db.r6g.large}, dev: {name: db.t4g.micro}}
Conditions:
  Prod: !Equals [!Ref Stage, prod]
  NotProd: !Not [!Condition Prod]
  Both: !And [!Condition Prod, !Condition NotProd]
  Either: {"Fn::Or": [{Condition: Prod}, {Condition: NotProd}]}
Resources:
  DB:
    Type: AWS::RDS::DBInstance
    DeletionPolicy: Snapshot
    DependsOn: Group
    Properties:
      Storage: !Ref Size
      Class: !FindInMap [Class, !Ref Stage, name]
      MultiAZ: !If [Prod, true, !Ref "AWS::NoValue"]
      Name: !Sub "${AWS::StackName}-${Stage}-${!literal}"
      Url: !Sub ["postgres://${Host}:${Port}", {Host: !GetAtt Other.Endpoint.Address, Port: 5432}]
      First: !Select [0, !Ref Subnets]
      Zones: !Join [",", !Split ["-", "a-b"]]
  Other:
    Type: AWS::RDS::DBInstance
  Group:
    Type: AWS::EC2::SecurityGroup
    Condition: Prod
Outputs:
  Address: {Value: {"Fn::GetAtt": ["DB", "Endpoint.Address"]}}
`

func scope(t *testing.T, stage string) (*Template, *Scope) {
	t.Helper()
	parsed, err := Parse(sample)
	if err != nil {
		t.Fatal(err)
	}
	s, err := parsed.Bind(Scope{
		Parameters: map[string]any{"Size": "20", "Stage": stage, "Subnets": []any{"subnet-1", "subnet-2"}},
		Pseudo:     map[string]string{"AWS::StackName": "xy"},
		Ref:        func(string) (any, error) { return nil, errors.New("unknown") },
		Attribute:  func(resource, name string) (any, error) { return "<" + resource + "|" + name + ">", nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	return parsed, s
}

func TestEvaluate(t *testing.T) {
	want := map[string]map[string]any{
		"prod": {
			"Storage": "20", "Class": "db.r6g.large", "MultiAZ": true, "Name": "xy-prod-${literal}",
			"Url": "postgres://<Other|Endpoint.Address>:5432", "First": "subnet-1", "Zones": "a,b",
		},
		"dev": {
			"Storage": "20", "Class": "db.t4g.micro", "Name": "xy-dev-${literal}",
			"Url": "postgres://<Other|Endpoint.Address>:5432", "First": "subnet-1", "Zones": "a,b",
		},
	}
	for stage, properties := range want {
		parsed, s := scope(t, stage)
		got, err := s.Evaluate(parsed.Resources["DB"].Properties)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, any(properties)) {
			t.Errorf("%s: got %v\nwant %v", stage, got, properties)
		}
		if s.Holds("Prod") != (stage == "prod") || s.Holds("NotProd") == (stage == "prod") || s.Holds("Both") ||
			!s.Holds("Either") {
			t.Errorf("%s: conditions %v", stage, s.conditions)
		}
	}
}

func TestOrder(t *testing.T) {
	parsed, _ := scope(t, "prod")
	order, err := parsed.Order()
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(order, " "); got != "Group Other DB" {
		t.Errorf("order: %s", got)
	}
}

func TestParseErrors(t *testing.T) {
	tests := []struct{ body, want string }{
		{"", "empty"},
		{"Resources: {}", "At least one Resources member"},
		{"Resources: {A: {Properties: {}}}", "must contain a Type"},
		{"Resources: {A: {Type: X, Properties: {B: !Ref C}}}", "Unresolved resource dependencies [C]"},
		{"Resources: {A: {Type: X, DependsOn: B}, B: {Type: X, DependsOn: A}}", "Circular dependency"},
		{"Resources: {A: {Type: X, Properties: {B: !Cidr x}}}", "does not know !Cidr"},
		{"Resources: {A: {Type: X, DeletionPolicy: Keep}}", "Unrecognized DeletionPolicy"},
		{"Resources: {A: {Type: X, Condition: None}}", "Unresolved condition"},
		{"Resources: {A: {Type: X}}\nOutputs: {O: {Value: !Ref B}}", "Outputs block"},
		{"Resources: {A: {Type: X}, A: {Type: Y}}", "stands twice"},
		{"Resource: {A: {Type: X}}", "Invalid template property"},
		{"Parameters: {P: {}}\nResources: {A: {Type: X}}", "must contain a Type member: P"},
		{"Resources: [", "Template format error"},
	}
	for _, test := range tests {
		_, err := Parse(test.body)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", test.body, err, test.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(sample)
	f.Add(`{"Resources": {"A": {"Type": "X", "Properties": {"B": {"Fn::Sub": "${A.B}"}}}}}`)
	f.Add("a: &a [*a]")
	f.Fuzz(func(t *testing.T, body string) {
		parsed, err := Parse(body)
		if err != nil {
			return
		}
		s, err := parsed.Bind(Scope{
			Ref:       func(string) (any, error) { return "id", nil },
			Attribute: func(string, string) (any, error) { return "attribute", nil },
			Import:    func(string) (string, error) { return "import", nil },
		})
		if err != nil {
			return
		}
		for _, r := range parsed.Resources {
			_, _ = s.Evaluate(r.Properties)
		}
	})
}
