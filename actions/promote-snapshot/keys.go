package promotesnapshot

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/org/shipkit/pkg/awsclient"
	"github.com/org/shipkit/pkg/snapshot"
)

// keys looks at KMS keys as the two sides see them: between accounts RDS may
// use a key if its caller may.
func keys(source, target aws.Config) func(context.Context, snapshot.KeyView, string) (snapshot.Key, error) {
	clients := map[snapshot.KeyView]*kms.Client{
		snapshot.SourceKey: kms.NewFromConfig(source),
		snapshot.TargetKey: kms.NewFromConfig(target),
		snapshot.SharedKey: kms.NewFromConfig(target, func(o *kms.Options) { o.Region = source.Region }),
	}
	return func(ctx context.Context, seen snapshot.KeyView, id string) (snapshot.Key, error) {
		out, err := clients[seen].DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: &id})
		var missing *types.NotFoundException
		_, _, denied := awsclient.Denied(err)
		switch {
		case errors.As(err, &missing):
			return snapshot.Key{ARN: id, Trouble: "is not there"}, nil
		case denied:
			return snapshot.Key{ARN: id, Trouble: "may not be used"}, nil
		case err != nil:
			return snapshot.Key{}, fmt.Errorf("describe key %s: %w", id, err)
		}
		key := snapshot.Key{ARN: aws.ToString(out.KeyMetadata.Arn), Managed: out.KeyMetadata.KeyManager == types.KeyManagerTypeAws}
		if !out.KeyMetadata.Enabled {
			key.Trouble = "is " + string(out.KeyMetadata.KeyState)
		}
		return key, nil
	}
}
