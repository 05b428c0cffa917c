package promotesnapshot

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/org/shipkit/internal/localaws"
	"github.com/org/shipkit/internal/localaws/ec2"
	"github.com/org/shipkit/pkg/action/actiontest"
)

// TestGates: each finding stops a run before anything is made, wherever.
func TestGates(t *testing.T) {
	across := map[string]string{"source-database": "dev-db", "from": "dev", "source-role-arn": sourceRole, "kms-key-id": "alias/aws/rds"}
	for name, test := range map[string]struct {
		account string // of the source
		prepare func(t *testing.T, w *cross, source, target region)
		with    map[string]string
		want    string
	}{
		"snapshot quota of RDS": {thisAccount, func(t *testing.T, w *cross, source, _ region) {
			source.instance(t, "postgres", "")
			source.snapshot(t, "dev-db", "s0")
			for n := range 99 {
				source.copySnapshot(t, "s0", fmt.Sprint("copy-", n))
			}
		}, nil, "account 111122223333 has 100 manual snapshots in eu-west-1 and needs 1 more: the quota is 100"},
		"snapshot quota of the user": {thisAccount, func(t *testing.T, w *cross, source, _ region) {
			source.instance(t, "postgres", "")
			source.snapshot(t, "dev-db", "s0")
		}, map[string]string{"snapshot-quota": "2", "mask-command": "true"}, "has 1 manual snapshots in eu-west-1 and needs 2 more: the quota is 2"},
		"databases": {thisAccount, func(t *testing.T, w *cross, source, _ region) {
			source.instance(t, "postgres", "")
			source.many(t, 39, 20)
		}, nil, "has 40 DB instances in eu-west-1 and needs 1 more: the quota is 40"},
		"storage": {thisAccount, func(t *testing.T, w *cross, source, _ region) {
			source.instance(t, "postgres", "")
			source.many(t, 2, 49_990)
		}, nil, "has 100000 GB of storage in eu-west-1 and needs 20 more: the quota is 100000"},
		"members of a cluster": {thisAccount, func(t *testing.T, w *cross, source, _ region) {
			source.cluster(t, "aurora-postgresql", "")
			source.many(t, 38, 20)
		}, map[string]string{"multi-az": "true"}, "has 39 DB instances in eu-west-1 and needs 2 more: the quota is 40"},
		"default key": {otherAccount, func(t *testing.T, w *cross, source, _ region) {
			source.instance(t, "postgres", "alias/aws/rds")
		}, across, "which AWS manages and which cannot be shared with account 111122223333"},
		"default key of a cluster": {otherAccount, func(t *testing.T, w *cross, source, _ region) {
			source.cluster(t, "aurora-mysql", "alias/aws/rds")
		}, across, "which AWS manages and which cannot be shared with account 111122223333"},
		"policy of the key": {otherAccount, func(t *testing.T, w *cross, source, _ region) {
			source.instance(t, "postgres", source.newKey(t, false))
		}, across, "may not be used"},
		"no key of the target": {otherAccount, func(t *testing.T, w *cross, source, _ region) {
			source.instance(t, "postgres", source.newKey(t, true))
		}, map[string]string{"from": "dev", "source-role-arn": sourceRole}, "its copy in eu-west-1 needs a key there"},
		"key of the target": {thisAccount, func(t *testing.T, w *cross, source, _ region) {
			source.instance(t, "postgres", "")
		}, map[string]string{"kms-key-id": "alias/nobody"}, "input kms-key-id: key alias/nobody is not there"},
		"key of the source": {thisAccount, func(t *testing.T, w *cross, source, _ region) {
			source.instance(t, "postgres", "")
		}, map[string]string{"source-kms-key-id": "alias/nobody"}, "input source-kms-key-id: key alias/nobody is not there"},
		"plain cluster": {thisAccount, func(t *testing.T, w *cross, source, _ region) {
			source.cluster(t, "aurora-postgresql", "")
		}, map[string]string{"source-kms-key-id": "alias/aws/rds"}, "RDS encrypts no copy of a cluster's snapshot"},
		"engine version": {otherAccount, func(t *testing.T, w *cross, source, _ region) {
			source.instance(t, "postgres", "")
			w.RDS.Withdraw(home, "postgres", "17.4")
		}, map[string]string{"from": "dev", "source-role-arn": sourceRole, "source-database": "dev-db"}, "postgres 17.4 is not offered in eu-west-1"},
		"subnet group": {thisAccount, func(t *testing.T, w *cross, source, _ region) {
			source.instance(t, "postgres", "")
		}, map[string]string{"subnet-group": "nowhere"}, `DB subnet group "nowhere" is not there in eu-west-1`},
		"security group": {thisAccount, func(t *testing.T, w *cross, source, _ region) {
			source.instance(t, "postgres", "")
			w.EC2.Seed(otherAccount, home, groupID, ec2.VPC)
			w.EC2.Seed(thisAccount, far, groupID, ec2.VPC)
		}, map[string]string{"security-groups": ec2.DefaultGroup + "," + groupID}, `security group "` + groupID + `" is not there in eu-west-1 of account 111122223333`},
		"security group of another VPC than the subnets": {thisAccount, func(t *testing.T, w *cross, source, target region) {
			source.instance(t, "postgres", "")
			target.subnetGroup(t, "prod")
			w.EC2.Seed(thisAccount, home, groupID, "vpc-other")
		}, map[string]string{"subnet-group": "prod", "security-groups": groupID}, `security group "` + groupID + `" is of vpc-other, but DB subnet group prod is of vpc-local`},
		"security group of another VPC than the default subnets": {thisAccount, func(t *testing.T, w *cross, source, target region) {
			source.instance(t, "postgres", "")
			w.EC2.Seed(thisAccount, home, groupID, "vpc-other")
		}, map[string]string{"template-parameters": "SecurityGroups=" + groupID}, "is of vpc-other, but the default DB subnet group, as none is named, is of vpc-local"},
		"security groups of two VPCs": {thisAccount, func(t *testing.T, w *cross, source, target region) {
			source.instance(t, "postgres", "")
			w.EC2.Seed(thisAccount, home, groupID, "vpc-other")
		}, map[string]string{"template": write(t, "own.yml", "Resources: {}"), "security-groups": ec2.DefaultGroup + "," + groupID},
			`security group "` + groupID + `" is of vpc-other, but security group ` + ec2.DefaultGroup + " is of vpc-local"},
		"parameter group": {thisAccount, func(t *testing.T, w *cross, source, _ region) {
			source.instance(t, "postgres", "")
		}, map[string]string{"parameter-group": "nowhere"}, `parameter group "nowhere" is not there in eu-west-1`},
		"parameter group of another family": {thisAccount, func(t *testing.T, w *cross, source, target region) {
			source.instance(t, "postgres", "")
			target.parameterGroup(t, "old", "postgres13")
		}, map[string]string{"parameter-group": "old"}, `parameter group "old" is of family postgres13, postgres 17.4 needs postgres17`},
		"stopped source": {thisAccount, func(t *testing.T, w *cross, source, _ region) {
			source.instance(t, "postgres", "")
			if _, err := source.StopDBInstance(t.Context(), &rds.StopDBInstanceInput{DBInstanceIdentifier: new("dev-db")}); err != nil {
				t.Fatal(err)
			}
		}, nil, `source database "dev-db" is stop`},
	} {
		t.Run(name, func(t *testing.T) {
			w := startCross(t, localaws.Options{NoData: true})
			source, target := w.at(test.account, home), w.at(thisAccount, home)
			test.prepare(t, w, source, target)
			with := map[string]string{"source-database": "dev-db"}
			for input, value := range test.with {
				with[input] = value
			}
			w.refused(t, w.run(t, with), test.want)
		})
	}
}

// TestInputsAlone: what is wrong by itself is told before any call, all of it.
func TestInputsAlone(t *testing.T) {
	t.Setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1") // where nobody answers
	got := actiontest.Run(t.Context(), t, actiontest.Step{Spec: Spec, With: map[string]string{
		"namespace": "xy-0146-environmentwithaverylongname", "source-database": "dev-db", "security-groups": "web",
		"mask-task": "mask", "mask-command": "true", "source-region": far,
	}})
	for _, want := range []string{
		"at most 32 are allowed", "input data-authority: nothing given", `input security-groups: "web" given`,
		"inputs mask-task, mask-command: they exclude each other", "input mask-cluster: nothing given",
	} {
		if !strings.Contains(got.Log, want) {
			t.Errorf("the log lacks %q:\n%s", want, got.Log)
		}
	}
	if got.ExitCode != 2 {
		t.Errorf("exit %d", got.ExitCode)
	}
}

// TestAllGatesAtOnce: nobody has to run twice to see what is wrong.
func TestAllGatesAtOnce(t *testing.T) {
	w := startCross(t, localaws.Options{NoData: true})
	source := w.at(otherAccount, home)
	source.instance(t, "postgres", "alias/aws/rds")
	source.snapshot(t, "dev-db", "s0")
	w.RDS.Withdraw(home, "postgres", "17.4")
	w.refused(t, w.run(t, map[string]string{
		"from": "dev", "source-database": "dev-db", "source-role-arn": sourceRole, "subnet-group": "nowhere",
		"parameter-group": "nowhere", "snapshot-quota": "1", "security-groups": groupID,
	}), "AWS manages", "security group \""+groupID, "kms-key-id", "is not offered", "DB subnet group", "parameter group", "manual snapshots")
}

// TestPlanTells what a run would cost and what it makes less safe, and changes
// nothing.
func TestPlanTells(t *testing.T) {
	w := startCross(t, localaws.Options{NoData: true})
	here := w.at(thisAccount, home)
	here.instance(t, "postgres", "")
	plan := func(with map[string]string) (cost, summary string) {
		t.Helper()
		all := map[string]string{"mode": "plan", "source-database": "dev-db"}
		for name, value := range with {
			all[name] = value
		}
		got := w.run(t, all)
		if got.ExitCode != 0 || len(w.writes()) > 0 {
			t.Fatalf("plan: %v %s", w.writes(), got.Log)
		}
		return got.Outputs["estimated-cost"], got.Summary
	}
	// 20 GB: an hour of class and storage, and a month of the snapshot.
	for name, test := range map[string]struct {
		with map[string]string
		want string
	}{
		"the list":            {nil, "1.97"},                                                                                                      // 0.069 + 20·0.127/730 + 20·0.095
		"the user's":          {map[string]string{"prices": "db.t4g.medium=1\nsnapshot-gb-month=0\nstorage-gb-month=0"}, "1.00"},                  // 1
		"twice for Multi-AZ":  {map[string]string{"multi-az": "true", "prices": "db.t4g.medium=1\nsnapshot-gb-month=0.1"}, "4.00"},                // 2 + 20·0.1 + 0.003
		"of another class":    {map[string]string{"instance-class": "db.r6g.large", "prices": "snapshot-gb-month=0\nstorage-gb-month=0"}, "0.25"}, // 0.25
		"of an unknown class": {map[string]string{"instance-class": "db.x9z.huge", "prices": "snapshot-gb-month=0\nstorage-gb-month=0"}, "0.00"},
	} {
		if cost, summary := plan(test.with); cost != test.want || (name == "of an unknown class") != strings.Contains(summary, "is unknown") {
			t.Errorf("the cost with the prices %s is %s, not %s", name, cost, test.want)
		}
	}
	if _, summary := plan(map[string]string{"template-parameters": "DeletionProtection=false"}); !strings.Contains(summary, "the new database is not protected against deletion") {
		t.Errorf("no word of the new database's protection: %s", summary)
	}

	first := w.promote(t, map[string]string{"source-database": "dev-db", "instance-class": "db.r6g.large"})
	if _, err := here.ModifyDBInstance(t.Context(), &rds.ModifyDBInstanceInput{
		DBInstanceIdentifier: new("xy-0146-prod-db-" + first.Outputs["timestamp"]), DeletionProtection: new(false),
	}); err != nil {
		t.Fatal(err)
	}
	again := w.run(t, map[string]string{"mode": "plan", "source-database": "dev-db"})
	for _, want := range []string{
		"which serves until the new one does, is not protected against deletion",
		"the new database is a db.t4g.medium, the one that it takes over from a db.r6g.large",
		"what was written to xy-0146-prod since its promotion",
	} {
		if !strings.Contains(again.Summary, want) {
			t.Errorf("the plan lacks %q: %s", want, again.Summary)
		}
	}
}

// groupID is a security group that is where a test puts it.
const groupID = "sg-0123456789abcdef0"

// TestGroupsUnseen: a role that may not look up security groups promotes as
// before, and is told which permission it lacks.
func TestGroupsUnseen(t *testing.T) {
	w := startCross(t, localaws.Options{NoData: true})
	w.at(thisAccount, home).instance(t, "postgres", "")
	if err := w.AddFault("ec2.DescribeSecurityGroups=deny"); err != nil {
		t.Fatal(err)
	}
	got := w.promote(t, map[string]string{"source-database": "dev-db", "security-groups": groupID})
	for _, text := range []string{got.Log, got.Summary} {
		if !strings.Contains(text, "the security groups of the new database are not checked: AWS denied ec2:DescribeSecurityGroups") {
			t.Errorf("no word of the permission: %s", text)
		}
	}
}

// TestTemplateParameters: what the inputs say is what the database is like.
func TestTemplateParameters(t *testing.T) {
	w := startCross(t, localaws.Options{NoData: true})
	here := w.at(thisAccount, home)
	here.instance(t, "postgres", "alias/aws/rds")
	here.parameterGroup(t, "prod", "postgres17")
	w.EC2.Seed(thisAccount, home, groupID, ec2.VPC)
	got := w.promote(t, map[string]string{
		"source-database": "dev-db", "multi-az": "true", "instance-class": "db.m6g.large", "backup-retention-days": "14",
		"security-groups": ec2.DefaultGroup + "," + groupID, "parameter-group": "prod",
		"template-parameters": "BackupWindow=01:00-01:30\nMaintenanceWindow=sat:02:00-sat:03:00",
	})
	db := here.promoted(t, got.Outputs["timestamp"])
	facts := fmt.Sprintln(*db.MultiAZ, *db.DBInstanceClass, *db.BackupRetentionPeriod, len(db.VpcSecurityGroups), *db.DBParameterGroups[0].DBParameterGroupName,
		*db.PreferredBackupWindow, *db.PreferredMaintenanceWindow, *db.PubliclyAccessible, *db.StorageEncrypted, *db.DeletionProtection, *db.CopyTagsToSnapshot)
	if want := "true db.m6g.large 14 2 prod 01:00-01:30 sat:02:00-sat:03:00 false true true true\n"; facts != want {
		t.Errorf("got %swant %s", facts, want)
	}
	tags := tagsOf(db.TagList)
	if tags["shipkit:namespace"] != "xy-0146-prod" || tags["shipkit:timestamp"] != got.Outputs["timestamp"] {
		t.Errorf("the tags are %v", tags)
	}
}

// TestUsersTemplate: one that makes the database is as good as ours; one that
// makes something else is taken back, and says why.
func TestUsersTemplate(t *testing.T) {
	w := startCross(t, localaws.Options{NoData: true})
	here := w.at(thisAccount, home)
	here.instance(t, "postgres", "")
	const head = "Parameters: {DatabaseIdentifier: {Type: String}, SnapshotIdentifier: {Type: String}}\nResources:\n"
	good := w.promote(t, map[string]string{"source-database": "dev-db", "template": write(t, "good.yml", head+`
  Database:
    Type: AWS::RDS::DBInstance
    DeletionPolicy: Delete
    Properties:
      DBInstanceIdentifier: !Ref DatabaseIdentifier
      DBSnapshotIdentifier: !Ref SnapshotIdentifier
      DBInstanceClass: db.m6g.large
`)})
	if db := here.promoted(t, good.Outputs["timestamp"]); *db.DBInstanceClass != "db.m6g.large" {
		t.Errorf("the database is a %s", *db.DBInstanceClass)
	}
	bad := w.run(t, map[string]string{"source-database": "dev-db", "template": write(t, "bad.yml", head+`
  Database: {Type: AWS::SSM::Parameter, Properties: {Name: !Sub "/x/${DatabaseIdentifier}", Type: String, Value: !Ref SnapshotIdentifier}}
`)})
	if bad.ExitCode != 1 || bad.Outputs["phase"] != "undone" || !strings.Contains(bad.Log, "does the template use the parameter DatabaseIdentifier?") {
		t.Errorf("a template without a database: %+v", bad)
	}
	if here.pointer(t) != good.Outputs["timestamp"] {
		t.Error("the pointer has moved")
	}
}

// snapshot takes a snapshot and waits for it.
func (r region) snapshot(t *testing.T, database, id string) {
	t.Helper()
	if _, err := r.CreateDBSnapshot(t.Context(), &rds.CreateDBSnapshotInput{DBInstanceIdentifier: &database, DBSnapshotIdentifier: &id}); err != nil {
		t.Fatal(err)
	}
	err := rds.NewDBSnapshotAvailableWaiter(r, func(o *rds.DBSnapshotAvailableWaiterOptions) {
		o.MinDelay, o.MaxDelay = 20*time.Millisecond, 50*time.Millisecond
	}).Wait(t.Context(), &rds.DescribeDBSnapshotsInput{DBSnapshotIdentifier: &id}, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
}

func (r region) copySnapshot(t *testing.T, from, to string) {
	t.Helper()
	if _, err := r.CopyDBSnapshot(t.Context(), &rds.CopyDBSnapshotInput{SourceDBSnapshotIdentifier: &from, TargetDBSnapshotIdentifier: &to}); err != nil {
		t.Fatal(err)
	}
}

// many makes other databases.
func (r region) many(t *testing.T, count int, gigabytes int32) {
	t.Helper()
	for n := range count {
		if _, err := r.CreateDBInstance(t.Context(), &rds.CreateDBInstanceInput{
			DBInstanceIdentifier: new(fmt.Sprint("other-", n)), DBInstanceClass: new("db.t4g.micro"), Engine: new("postgres"),
			MasterUsername: new("shop"), MasterUserPassword: new(password), AllocatedStorage: &gigabytes,
		}); err != nil {
			t.Fatal(err)
		}
	}
}

func (r region) subnetGroup(t *testing.T, name string) {
	t.Helper()
	if _, err := r.CreateDBSubnetGroup(t.Context(), &rds.CreateDBSubnetGroupInput{
		DBSubnetGroupName: &name, DBSubnetGroupDescription: &name, SubnetIds: []string{"subnet-1", "subnet-2"},
	}); err != nil {
		t.Fatal(err)
	}
}

func (r region) parameterGroup(t *testing.T, name, family string) {
	t.Helper()
	if _, err := r.CreateDBParameterGroup(t.Context(), &rds.CreateDBParameterGroupInput{
		DBParameterGroupName: &name, DBParameterGroupFamily: &family, Description: &name,
	}); err != nil {
		t.Fatal(err)
	}
}

// put writes a parameter by hand.
func (r region) put(t *testing.T, name, value string) {
	t.Helper()
	if _, err := ssm.NewFromConfig(r.cfg).PutParameter(t.Context(), &ssm.PutParameterInput{
		Name: &name, Value: &value, Type: ssmtypes.ParameterTypeString, Overwrite: new(true),
	}); err != nil {
		t.Fatal(err)
	}
}
