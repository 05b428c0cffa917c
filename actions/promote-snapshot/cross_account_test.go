package promotesnapshot

import (
	"maps"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"

	"github.com/org/shipkit/internal/localaws"
	"github.com/org/shipkit/internal/localaws/ec2"
)

// TestAcrossAccountsAndRegions promotes an encrypted instance between places.
// The data is always under a key of the target in the end.
func TestAcrossAccountsAndRegions(t *testing.T) {
	for _, test := range []struct {
		name, account, from, to string
		managed                 bool // the source is under the default key
		copies                  int  // of the snapshot
	}{
		{"accounts", otherAccount, home, home, false, 1},
		{"accounts, from the default key", otherAccount, home, home, true, 2},
		{"regions", thisAccount, far, home, false, 1},
		{"regions, from the default key", thisAccount, far, home, true, 1},
		{"both", otherAccount, far, home, false, 1},
		{"both, from the default key", otherAccount, far, home, true, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := startCross(t, localaws.Options{NoData: true})
			source, target := w.at(test.account, test.from), w.at(thisAccount, test.to)
			own := source.newKey(t, true)
			with := map[string]string{
				"source-database": "dev-db", "from": "dev", "source-region": test.from, "aws-region": test.to,
				"kms-key-id": target.newKey(t, false),
			}
			if test.account == otherAccount {
				with["source-role-arn"] = sourceRole
			}
			key := own
			if test.managed {
				key = "alias/aws/rds"
			}
			if test.managed && test.account == otherAccount {
				with["source-kms-key-id"] = own
			}
			source.instance(t, "postgres", key)
			got := w.promote(t, with)

			db := target.promoted(t, got.Outputs["timestamp"])
			if *db.KmsKeyId != with["kms-key-id"] || !*db.StorageEncrypted || *db.PubliclyAccessible || !*db.DeletionProtection {
				t.Errorf("the new database is under %s, public %v, protected %v", *db.KmsKeyId, *db.PubliclyAccessible, *db.DeletionProtection)
			}
			if active := target.pointer(t); active != got.Outputs["timestamp"] {
				t.Errorf("the pointer is %q, the output %q", active, got.Outputs["timestamp"])
			}
			w.checkSnapshot(t, target, got.Outputs["snapshot-arn"], with["kms-key-id"])
			if copies := strings.Count(strings.Join(w.writes(), " "), "rds:CopyDBSnapshot"); copies != test.copies {
				t.Errorf("%d copies, not %d", copies, test.copies)
			}
			// The source's own database is as before.
			out, err := source.DescribeDBInstances(t.Context(), &rds.DescribeDBInstancesInput{DBInstanceIdentifier: new("dev-db")})
			if err != nil || *out.DBInstances[0].DBInstanceStatus != "available" {
				t.Errorf("the source: %v %v", out, err)
			}
		})
	}
}

// checkSnapshot looks at the copy that the new database was made of.
func (w *cross) checkSnapshot(t *testing.T, target region, arn, key string) {
	t.Helper()
	copied, err := target.DescribeDBSnapshots(t.Context(), &rds.DescribeDBSnapshotsInput{DBSnapshotIdentifier: &arn})
	if err != nil || len(copied.DBSnapshots) != 1 {
		t.Fatalf("the copy: %v %v", copied, err)
	}
	s := copied.DBSnapshots[0]
	tags := tagsOf(s.TagList)
	if *s.KmsKeyId != key || tags["cost-center"] != "0146" || tags["shipkit:namespace"] != "xy-0146-prod" {
		t.Errorf("the copy is under %s with the tags %v", *s.KmsKeyId, tags)
	}
	shared, err := target.DescribeDBSnapshotAttributes(t.Context(), &rds.DescribeDBSnapshotAttributesInput{DBSnapshotIdentifier: s.DBSnapshotIdentifier})
	if err != nil {
		t.Fatal(err)
	}
	for _, attribute := range shared.DBSnapshotAttributesResult.DBSnapshotAttributes {
		if len(attribute.AttributeValues) != 0 {
			t.Errorf("the copy is shared with %v", attribute.AttributeValues)
		}
	}
}

// TestUnencryptedInstanceBecomesEncrypted: both ways that the README names.
func TestUnencryptedInstanceBecomesEncrypted(t *testing.T) {
	w := startCross(t, localaws.Options{NoData: true})
	here := w.at(thisAccount, home)
	here.instance(t, "postgres", "")
	key := here.newKey(t, false)
	plain := w.run(t, map[string]string{"mode": "plan", "source-database": "dev-db"})
	if plain.ExitCode != 0 || !strings.Contains(plain.Summary, "not encrypted") {
		t.Errorf("the plan does not warn: %s", plain.Summary)
	}
	got := w.promote(t, map[string]string{"source-database": "dev-db", "source-kms-key-id": key})
	if db := here.promoted(t, got.Outputs["timestamp"]); aws.ToString(db.KmsKeyId) != key {
		t.Errorf("the new database is under %q", aws.ToString(db.KmsKeyId))
	}
}

// TestMaskedBeforeItLeaves masks real rows in the source's account: what comes
// over is the masked snapshot, and the quarantine is gone.
func TestMaskedBeforeItLeaves(t *testing.T) {
	w := startCross(t, localaws.Options{})
	source, target := w.at(otherAccount, home), w.at(thisAccount, home)
	source.instance(t, "postgres", source.newKey(t, true))
	query(t, source, "dev-db", "create table orders as select id, 'person' || id as name from generate_series(1, 42) id")
	target.subnetGroup(t, "prod")
	w.EC2.Seed(thisAccount, home, groupID, ec2.VPC)
	with := map[string]string{
		"source-database": "dev-db", "from": "dev", "source-role-arn": sourceRole, "kms-key-id": target.newKey(t, false),
		"subnet-group": "prod", "security-groups": groupID, // of the target: the quarantine cannot use them
		"mask-sql":   write(t, "mask.sql", "update orders set name = 'hidden';"),
		"verify-sql": write(t, "verify.sql", "select count(*) = 42 and count(distinct name) = 1 from orders;"),
	}
	got := w.promote(t, with)
	if rows := query(t, target, "xy-0146-prod-db-"+got.Outputs["timestamp"], "select count(*) || ' ' || max(name) from orders"); rows != "42 hidden" {
		t.Errorf("the promoted database has %s", rows)
	}
	if db := target.promoted(t, got.Outputs["timestamp"]); *db.DBSubnetGroup.DBSubnetGroupName != "prod" {
		t.Errorf("the new database is in %s", *db.DBSubnetGroup.DBSubnetGroupName)
	}
	out, err := source.DescribeDBInstances(t.Context(), &rds.DescribeDBInstancesInput{})
	if err != nil || len(out.DBInstances) != 1 {
		t.Errorf("%d databases are left at the source, %v", len(out.DBInstances), err)
	}
	raw := "arn:aws:rds:" + home + ":" + otherAccount + ":snapshot:xy-0146-dev-snap-" + got.Outputs["timestamp"]
	if s, err := target.DescribeDBSnapshots(t.Context(), &rds.DescribeDBSnapshotsInput{DBSnapshotIdentifier: &raw}); err == nil {
		t.Errorf("the target sees the snapshot with real data: %v", s)
	}

	failing := maps.Clone(with)
	failing["mask-sql"] = write(t, "broken.sql", "update nothing set name = 'hidden';")
	broken := w.run(t, failing)
	if broken.ExitCode != 1 || broken.Outputs["phase"] != "undone" || target.pointer(t) != got.Outputs["timestamp"] {
		t.Errorf("a failed mask: %+v", broken)
	}
	if shared, err := target.DescribeDBSnapshots(t.Context(), &rds.DescribeDBSnapshotsInput{SnapshotType: new("shared")}); err != nil || len(shared.DBSnapshots) != 1 {
		t.Errorf("after the failed mask %d snapshots are shared, not the first's only, %v", len(shared.DBSnapshots), err)
	}
}
