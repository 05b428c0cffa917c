package rds_test

import (
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/rds"

	"github.com/org/shipkit/internal/localaws/rds"
	"github.com/org/shipkit/internal/localaws/wire"
)

const (
	key      = "arn:aws:kms:eu-west-1:111122223333:key/ours"
	otherKey = "arn:aws:kms:eu-west-1:444455556666:key/theirs"
)

// An encrypted snapshot reaches another account only by way of a customer's
// key and a copy there.
func TestEncryptedSnapshotOfAnotherAccount(t *testing.T) {
	w := start(t, rds.Options{})
	ctx := t.Context()
	sql(t, w.instance(t, "dev", func(in *sdk.CreateDBInstanceInput) { in.StorageEncrypted = new(true) }),
		"create table t as select 7::bigint as n")
	if _, err := w.CreateDBSnapshot(ctx, &sdk.CreateDBSnapshotInput{DBInstanceIdentifier: new("dev"),
		DBSnapshotIdentifier: new("a")}); err != nil {
		t.Fatal(err)
	}
	w.awaitSnapshot(t, w.Client, "a", "available")
	share := func(id string) error {
		_, err := w.ModifyDBSnapshotAttribute(ctx, &sdk.ModifyDBSnapshotAttributeInput{
			DBSnapshotIdentifier: &id, AttributeName: new("restore"), ValuesToAdd: []string{otherAccount},
		})
		return err
	}
	if err := share("a"); code(err) != "InvalidParameterValue" {
		t.Errorf("share under the default key: %v", err)
	}
	_, err := w.CopyDBSnapshot(ctx, &sdk.CopyDBSnapshotInput{SourceDBSnapshotIdentifier: new("a"),
		TargetDBSnapshotIdentifier: new("b"), KmsKeyId: new(key)})
	if err != nil {
		t.Fatal(err)
	}
	w.awaitSnapshot(t, w.Client, "b", "available")

	other := w.as(otherAccount, wire.DefaultRegion)
	arn := "arn:aws:rds:eu-west-1:111122223333:snapshot:b"
	if _, err := other.DescribeDBSnapshots(ctx,
		&sdk.DescribeDBSnapshotsInput{DBSnapshotIdentifier: &arn}); code(err) != "DBSnapshotNotFound" {
		t.Errorf("before it is shared: %v", err)
	}
	if err := share("b"); err != nil {
		t.Fatal(err)
	}
	shared, err := other.DescribeDBSnapshots(ctx, &sdk.DescribeDBSnapshotsInput{SnapshotType: new("shared")})
	if err != nil || len(shared.DBSnapshots) != 1 {
		t.Fatalf("shared with the other account: %v %v", shared, err)
	}
	_, err = other.RestoreDBInstanceFromDBSnapshot(ctx,
		&sdk.RestoreDBInstanceFromDBSnapshotInput{DBInstanceIdentifier: new("prod"), DBSnapshotIdentifier: &arn})
	if code(err) != "InvalidParameterValue" {
		t.Errorf("restore of a shared encrypted snapshot: %v", err)
	}
	copyTo := func(id string, kms *string) error {
		_, err := other.CopyDBSnapshot(ctx, &sdk.CopyDBSnapshotInput{SourceDBSnapshotIdentifier: &arn,
			TargetDBSnapshotIdentifier: &id, KmsKeyId: kms})
		return err
	}
	if err := copyTo("c", nil); code(err) != "KMSKeyNotAccessibleFault" {
		t.Errorf("copy without a key: %v", err)
	}
	if err := copyTo("c", new(otherKey)); err != nil {
		t.Fatal(err)
	}
	w.awaitSnapshot(t, other, "c", "available")
	_, err = other.RestoreDBInstanceFromDBSnapshot(ctx,
		&sdk.RestoreDBInstanceFromDBSnapshotInput{DBInstanceIdentifier: new("prod"), DBSnapshotIdentifier: new("c")})
	if err != nil {
		t.Fatal(err)
	}
	if got := sql(t, w.awaitInstance(t, other, "prod", "available"), "select n from t"); got != "[7]" {
		t.Errorf("rows in the other account: got %s", got)
	}
}

func TestCopyToAnotherRegion(t *testing.T) {
	w := start(t, rds.Options{NoData: true})
	ctx := t.Context()
	w.instance(t, "dev", func(in *sdk.CreateDBInstanceInput) { in.KmsKeyId = new(key); in.StorageEncrypted = new(true) })
	if _, err := w.CreateDBSnapshot(ctx, &sdk.CreateDBSnapshotInput{DBInstanceIdentifier: new("dev"),
		DBSnapshotIdentifier: new("a")}); err != nil {
		t.Fatal(err)
	}
	w.awaitSnapshot(t, w.Client, "a", "available")
	far := w.as(wire.DefaultAccount, "eu-central-1")
	in := &sdk.CopyDBSnapshotInput{
		SourceDBSnapshotIdentifier: new("arn:aws:rds:eu-west-1:111122223333:snapshot:a"),
		TargetDBSnapshotIdentifier: new("a"), SourceRegion: new("eu-west-1"),
	}
	if _, err := far.CopyDBSnapshot(ctx, in); code(err) != "InvalidParameterValue" {
		t.Errorf("without a key of the region: %v", err)
	}
	in.KmsKeyId = new("alias/prod")
	if _, err := far.CopyDBSnapshot(ctx, in); err != nil {
		t.Fatal(err)
	}
	w.awaitSnapshot(t, far, "a", "available")
}
