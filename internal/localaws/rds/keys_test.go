package rds_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdkkms "github.com/aws/aws-sdk-go-v2/service/kms"
	sdk "github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/org/shipkit/internal/localaws/kms"
	"github.com/org/shipkit/internal/localaws/rds"
	"github.com/org/shipkit/internal/localaws/wire"
)

type now struct{}

func (now) Now() time.Time { return time.Now() }

// newKey makes a key of an account and region, with a policy that also lets
// another account do something with it.
func newKey(t *testing.T, keys *kms.Service, account, region, lets string, actions ...string) string {
	t.Helper()
	ctx := wire.WithCaller(t.Context(), wire.Identity{AccountID: account, Region: region})
	in := &sdkkms.CreateKeyInput{}
	if lets != "" {
		in.Policy = new(`{"Statement": [{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::` + lets + `:root"}, "Action": ["` +
			strings.Join(actions, `", "`) + `"], "Resource": "*"}]}`)
	}
	out, err := keys.CreateKey(ctx, in)
	if err != nil {
		t.Fatal(err)
	}
	return *out.KeyMetadata.Arn
}

// TestKeysBetweenAccounts holds the rules of copies of encrypted snapshots:
// whose key, of which region, and whether the other account may use it.
func TestKeysBetweenAccounts(t *testing.T) {
	keys := kms.New(now{})
	w := start(t, rds.Options{NoData: true, Keys: keys})
	const far = "eu-central-1"
	shared := newKey(t, keys, wire.DefaultAccount, wire.DefaultRegion, otherAccount, "kms:*")
	looked := newKey(t, keys, wire.DefaultAccount, wire.DefaultRegion, otherAccount, "kms:DescribeKey")
	theirs := newKey(t, keys, otherAccount, wire.DefaultRegion, "")
	theirsFar := newKey(t, keys, otherAccount, far, "")

	snapshots := map[string]*string{"shared": &shared, "looked": &looked, "default": new("alias/aws/rds"), "plain": nil}
	for id, key := range snapshots {
		w.instance(t, "dev-"+id, func(in *sdk.CreateDBInstanceInput) { in.KmsKeyId = key })
		w.take(t, "dev-"+id, id)
		_, err := w.ModifyDBSnapshotAttribute(t.Context(), &sdk.ModifyDBSnapshotAttributeInput{
			DBSnapshotIdentifier: &id, AttributeName: new("restore"), ValuesToAdd: []string{otherAccount},
		})
		if want := map[bool]string{true: "InvalidParameterValue"}[id == "default"]; code(err) != want {
			t.Errorf("share of %s: %v", id, err)
		}
	}
	for _, test := range []struct{ name, from, region, key, want string }{
		{"with a key of the region", "shared", wire.DefaultRegion, theirs, ""},
		{"across both in one copy", "shared", far, theirsFar, ""},
		{"without a key", "shared", wire.DefaultRegion, "", "KMSKeyNotAccessibleFault"},
		{"with the owner's key", "shared", wire.DefaultRegion, shared, ""},
		{"with a key of another region", "shared", far, theirs, "KMSKeyNotAccessibleFault"},
		{"with a key that is not there", "shared", wire.DefaultRegion, "alias/nobody", "KMSKeyNotAccessibleFault"},
		{"whose key's policy lets it look only", "looked", wire.DefaultRegion, theirs, "KMSKeyNotAccessibleFault"},
		{"not shared", "default", wire.DefaultRegion, theirs, "DBSnapshotNotFound"},
		{"not encrypted", "plain", wire.DefaultRegion, "", ""},
		{"not encrypted, under a key", "plain", wire.DefaultRegion, theirs, ""},
	} {
		client := w.as(otherAccount, test.region)
		in := &sdk.CopyDBSnapshotInput{
			SourceDBSnapshotIdentifier: new("arn:aws:rds:eu-west-1:111122223333:snapshot:" + test.from),
			TargetDBSnapshotIdentifier: new(strings.NewReplacer(" ", "-", ",", "", "'", "").Replace(test.name)),
		}
		if test.key != "" {
			in.KmsKeyId = &test.key
		}
		out, err := client.CopyDBSnapshot(t.Context(), in)
		if code(err) != test.want {
			t.Errorf("copy %s: %v", test.name, err)
		}
		if err == nil && aws.ToString(out.DBSnapshot.KmsKeyId) != test.key {
			t.Errorf("copy %s is under %s", test.name, aws.ToString(out.DBSnapshot.KmsKeyId))
		}
	}
}

// take takes a snapshot with a tag and waits for it.
func (w *world) take(t *testing.T, instance, id string) {
	t.Helper()
	_, err := w.CreateDBSnapshot(t.Context(), &sdk.CreateDBSnapshotInput{
		DBInstanceIdentifier: &instance, DBSnapshotIdentifier: &id, Tags: []types.Tag{{Key: new("team"), Value: new("shop")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.awaitSnapshot(t, w.Client, id, "available")
}

// TestSharedSnapshotIsTheOwners: another account sees it under its ARN, and
// neither sees nor copies its tags.
func TestSharedSnapshotIsTheOwners(t *testing.T) {
	w := start(t, rds.Options{NoData: true})
	w.instance(t, "dev")
	w.take(t, "dev", "a")
	for _, account := range []string{otherAccount, "all"} {
		if _, err := w.ModifyDBSnapshotAttribute(t.Context(), &sdk.ModifyDBSnapshotAttributeInput{
			DBSnapshotIdentifier: new("a"), AttributeName: new("restore"), ValuesToAdd: []string{account},
		}); err != nil {
			t.Fatal(err)
		}
		arn, other := "arn:aws:rds:eu-west-1:111122223333:snapshot:a", w.as(otherAccount, wire.DefaultRegion)
		out, err := other.DescribeDBSnapshots(t.Context(), &sdk.DescribeDBSnapshotsInput{DBSnapshotIdentifier: &arn})
		if err != nil {
			t.Fatal(err)
		}
		seen := out.DBSnapshots[0]
		want := map[string]string{otherAccount: "shared", "all": "public"}[account]
		if *seen.DBSnapshotIdentifier != arn || *seen.SnapshotType != want || len(seen.TagList) != 0 {
			t.Errorf("seen from outside: %s %s %v", *seen.DBSnapshotIdentifier, *seen.SnapshotType, seen.TagList)
		}
		copied, err := other.CopyDBSnapshot(t.Context(), &sdk.CopyDBSnapshotInput{
			SourceDBSnapshotIdentifier: &arn, TargetDBSnapshotIdentifier: new("copy-" + account), CopyTags: new(true),
		})
		if err != nil || len(copied.DBSnapshot.TagList) != 0 {
			t.Errorf("copy: %v %v", copied, err)
		}
	}
	own, err := w.CopyDBSnapshot(t.Context(), &sdk.CopyDBSnapshotInput{
		SourceDBSnapshotIdentifier: new("a"), TargetDBSnapshotIdentifier: new("b"), CopyTags: new(true),
	})
	if err != nil || len(own.DBSnapshot.TagList) != 1 {
		t.Errorf("copy of one's own: %v %v", own, err)
	}
}

func TestCopyOfAPlainClusterSnapshotTakesNoKey(t *testing.T) {
	w := start(t, rds.Options{NoData: true})
	ctx := t.Context()
	if _, err := w.CreateDBCluster(ctx, &sdk.CreateDBClusterInput{
		DBClusterIdentifier: new("dev"), Engine: new("aurora-mysql"), MasterUsername: new("app"), MasterUserPassword: new(password),
	}); err != nil {
		t.Fatal(err)
	}
	w.awaitCluster(t, w.Client, "dev", "available")
	if _, err := w.CreateDBClusterSnapshot(ctx, &sdk.CreateDBClusterSnapshotInput{
		DBClusterIdentifier: new("dev"), DBClusterSnapshotIdentifier: new("a"),
	}); err != nil {
		t.Fatal(err)
	}
	await(t, "cluster snapshot a", "available", func(ctx context.Context) string {
		out, err := w.DescribeDBClusterSnapshots(ctx, &sdk.DescribeDBClusterSnapshotsInput{DBClusterSnapshotIdentifier: new("a")})
		if err != nil {
			return code(err)
		}
		return *out.DBClusterSnapshots[0].Status
	})
	_, err := w.CopyDBClusterSnapshot(ctx, &sdk.CopyDBClusterSnapshotInput{
		SourceDBClusterSnapshotIdentifier: new("a"), TargetDBClusterSnapshotIdentifier: new("b"), KmsKeyId: new(key),
	})
	if code(err) != "InvalidParameterCombination" {
		t.Errorf("with a key: %v", err)
	}
}

func TestHangDeletion(t *testing.T) {
	w := start(t, rds.Options{NoData: true})
	w.instance(t, "dev")
	w.take(t, "dev", "a")
	w.service.HangDeletion("a")
	if _, err := w.DeleteDBSnapshot(t.Context(), &sdk.DeleteDBSnapshotInput{DBSnapshotIdentifier: new("a")}); err != nil {
		t.Fatal(err)
	}
	w.awaitSnapshot(t, w.Client, "a", "deleting")
	_, err := w.DeleteDBSnapshot(t.Context(), &sdk.DeleteDBSnapshotInput{DBSnapshotIdentifier: new("a")})
	if code(err) != "InvalidDBSnapshotState" {
		t.Errorf("a second time: %v", err)
	}
}
