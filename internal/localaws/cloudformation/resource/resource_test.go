package resource

import (
	"reflect"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/org/shipkit/internal/localaws/wire"
)

func TestFill(t *testing.T) {
	got := &rds.CreateDBClusterInput{}
	err := fill(got, map[string]any{
		"DBClusterIdentifier": "xy", "BackupRetentionPeriod": "7", "DeletionProtection": true, "StorageEncrypted": "true",
		"VPCSecurityGroupIds": []any{"sg-1"}, "Tags": []any{map[string]any{"Key": "a", "Value": "b"}},
		"ServerlessV2ScalingConfiguration": map[string]any{"MinCapacity": "0.5"}, "Unknown": "left out", "Port": nil,
	})
	if err != nil {
		t.Fatal(err)
	}
	want := &rds.CreateDBClusterInput{
		DBClusterIdentifier: new("xy"), BackupRetentionPeriod: new(int32(7)), DeletionProtection: new(true),
		StorageEncrypted:    new(true),
		VpcSecurityGroupIds: []string{"sg-1"}, Tags: []types.Tag{{Key: new("a"), Value: new("b")}},
		ServerlessV2ScalingConfiguration: &types.ServerlessV2ScalingConfiguration{MinCapacity: new(0.5)},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	for property, value := range map[string]any{
		"BackupRetentionPeriod": "a week", "DeletionProtection": "maybe", "ServerlessV2ScalingConfiguration": "large",
		"Port": "4294967296",
	} {
		if err := fill(got, map[string]any{property: value}); err == nil ||
			!strings.Contains(err.Error(), "property "+property) {
			t.Errorf("%s = %v: %v", property, value, err)
		}
	}
}

func TestCheckRefusesUnknownProperties(t *testing.T) {
	k := kinds["AWS::RDS::DBInstance"]
	if err := k.check(map[string]any{"DBSnapshotIdentifier": "a", "DBInstanceClass": "b",
		"VPCSecurityGroups": nil}); err != nil {
		t.Error(err)
	}
	err := k.check(map[string]any{"DBInstanceClas": "b"})
	if err == nil || !strings.Contains(err.Error(), "extraneous key [DBInstanceClas] is not permitted") {
		t.Errorf("got %v", err)
	}
}

func TestReplaces(t *testing.T) {
	instance, cluster := kinds["AWS::RDS::DBInstance"], kinds["AWS::RDS::DBCluster"]
	tests := []struct {
		name          string
		kind          *Kind
		before, after map[string]any
		want          bool
	}{
		{"class", instance, map[string]any{"DBInstanceClass": "a"}, map[string]any{"DBInstanceClass": "b"}, false},
		{"another snapshot", instance, map[string]any{"DBSnapshotIdentifier": "a"},
			map[string]any{"DBSnapshotIdentifier": "b"}, true},
		{"no snapshot any more", instance, map[string]any{"DBSnapshotIdentifier": "a"}, map[string]any{}, false},
		// The trap: a cluster without its snapshot is a new, empty one.
		{"no cluster snapshot any more", cluster, map[string]any{"SnapshotIdentifier": "a"}, map[string]any{}, true},
		{"a kind that is never updated", kinds["AWS::ECS::TaskDefinition"], map[string]any{"Cpu": "1"},
			map[string]any{"Cpu": "2"}, true},
	}
	for _, test := range tests {
		if got := test.kind.Replaces(test.before, test.after); got != test.want {
			t.Errorf("%s: got %v", test.name, got)
		}
	}
}

func TestPhysicalName(t *testing.T) {
	r := &Instance{StackName: "xy-0146-prod", LogicalID: "Targets"}
	name := r.physicalName(32)
	if len(name) > 32 || !strings.HasPrefix(name, "xy-0146-prod-Target") || name == r.physicalName(32) {
		t.Errorf("got %s", name)
	}
}

func TestExplainSaysWhatTheServiceSaid(t *testing.T) {
	r := &Instance{Type: "AWS::RDS::DBInstance"}
	err := explain(r, wire.Errorf("DBInstanceAlreadyExists", 400, "DB instance already exists"))
	if want := `Resource handler returned message: "DB instance already exists (Service: Rds, Status Code: 400, `; !strings.HasPrefix(err.Error(), want) {
		t.Errorf("got %v", err)
	}
	if !missing(wire.Errorf("DBClusterNotFoundFault", 404, "gone")) || missing(err) {
		t.Error("missing objects are not told from others")
	}
}
