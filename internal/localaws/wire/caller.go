package wire

import "context"

// Identity is who calls, as the request's signature says.
type Identity struct {
	AccountID   string // twelve digits
	Region      string // of the credential scope
	AccessKeyID string
	ARN         string // of the user or the assumed role
}

type callerKey struct{}

// WithCaller returns a context whose operations see the given identity; in-process calls use it.
func WithCaller(ctx context.Context, id Identity) context.Context {
	return context.WithValue(ctx, callerKey{}, id)
}

// Caller returns who calls. Without one (an in-process call of a test) it is the default account in eu-west-1.
func Caller(ctx context.Context) Identity {
	if id, ok := ctx.Value(callerKey{}).(Identity); ok {
		return id
	}
	return Identity{AccountID: DefaultAccount, Region: DefaultRegion, AccessKeyID: DefaultAccessKey,
		ARN: "arn:aws:iam::" + DefaultAccount + ":user/local"}
}

// What local AWS is when nothing else is said: the account of AWS's own examples, and a key pair that is no secret.
const (
	DefaultAccount   = "111122223333"
	DefaultRegion    = "eu-west-1"
	DefaultAccessKey = "AKIALOCALAWS00000001"
	DefaultSecretKey = "local-aws-secret-key-not-a-secret-at-all"
)

// Scope keys what belongs to one account in one region.
func (id Identity) Scope() string { return id.AccountID + "/" + id.Region }

// Resource builds the ARN of a resource of the caller: Resource("ecs", "cluster/main").
func (id Identity) Resource(service, resource string) string {
	return "arn:aws:" + service + ":" + id.Region + ":" + id.AccountID + ":" + resource
}
