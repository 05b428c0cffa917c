package namespace

import "strconv"

// Database returns the identifier of the DB instance or DB cluster of ts. The
// CloudFormation stack that holds it bears the same name.
func (n Namespace) Database(ts Timestamp) string { return n.String() + "-db-" + string(ts) }

// Member returns the identifier of the cluster's member number i.
func (n Namespace) Member(ts Timestamp, i int) string {
	return n.Database(ts) + "-" + strconv.Itoa(i)
}

// Snapshot returns the identifier of the snapshot that promotion ts takes.
func (n Namespace) Snapshot(ts Timestamp) string { return n.String() + "-snap-" + string(ts) }

// Quarantine returns the name of the restore that is masked before it becomes
// an artifact.
func (n Namespace) Quarantine(ts Timestamp) string { return n.String() + "-mask-" + string(ts) }

// Masked returns the identifier of the masked snapshot.
func (n Namespace) Masked(ts Timestamp) string { return n.String() + "-safe-" + string(ts) }

// Final returns the identifier of the snapshot taken of database ts before it
// is deleted.
func (n Namespace) Final(ts Timestamp) string { return n.String() + "-final-" + string(ts) }

// Parameter returns the Parameter Store name /<namespace>/<part>/<part>…
func (n Namespace) Parameter(parts ...string) string {
	name := "/" + n.String()
	for _, part := range parts {
		name += "/" + part
	}
	return name
}

// Active is the parameter that points at the timestamp of the database in use.
func (n Namespace) Active() string { return n.Parameter("db", "active") }

// Version is the parameter that holds one immutable fact about database ts,
// such as its endpoint.
func (n Namespace) Version(ts Timestamp, fact string) string {
	return n.Parameter("db", string(ts), fact)
}

// Stack returns the name of an environment's own stack for a purpose, such as
// "app".
func (n Namespace) Stack(purpose string) string { return n.String() + "-" + purpose }

// Schedule returns the name of an EventBridge schedule, such as "ttl" or
// "off". The limit of 64 characters is kept for purposes up to 31.
func (n Namespace) Schedule(purpose string) string { return n.String() + "-" + purpose }
