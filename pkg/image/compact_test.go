package image

import (
	"strings"
	"testing"
)

func TestCompaction(t *testing.T) {
	t.Parallel()
	base := archive(t, file("app", "12345678"), file("old", "12345678"))
	removed := archive(t, file(".wh.old", ""))
	built := indexOf(t, archive(t, file("app", "12345678")))
	secret := archive(t, file("app", "12345678"), file("srv/.env", "PASSWORD=1"))
	secretGone := archive(t, file("srv/.wh..env", ""))
	policy := func(mode CompactMode, layers int, share float64) CompactPolicy {
		return CompactPolicy{Mode: mode, MaxLayers: layers, MaxDeadShare: share}
	}
	waits := func(layers int, share float64) CompactPolicy {
		return CompactPolicy{Mode: CompactAuto, MaxLayers: layers, MaxDeadShare: share, Wait: true}
	}
	for name, tc := range map[string]struct {
		policy  CompactPolicy
		merged  *Index
		compact bool
		reason  string
	}{
		"dead bytes wait":      {waits(40, 0.3), indexOf(t, base, removed), false, "50 % of the image would be files"},
		"layers do not wait":   {waits(1, 0.3), indexOf(t, base, removed), true, "2 layers, at most 1"},
		"secret does not wait": {waits(40, 0.1), indexOf(t, secret, secretGone), true, `"srv/.env" looks like a secret`},
		"nothing to do":        {policy(CompactAuto, 40, 0.6), indexOf(t, base, removed), false, ""},
		"dead bytes":           {policy(CompactAuto, 40, 0.3), indexOf(t, base, removed), true, "50 % of the image would be files"},
		"layers":               {policy(CompactAuto, 1, 0.6), indexOf(t, base, removed), true, "2 layers, at most 1"},
		"always":               {policy(CompactAlways, 40, 0.6), indexOf(t, base), true, "always wanted"},
		"never":                {policy(CompactNever, 1, 0.3), indexOf(t, base, removed), false, "2 layers, at most 1"},
		"secret":               {policy(CompactAuto, 40, 0.9), indexOf(t, secret, secretGone), true, `"srv/.env" looks like a secret`},
		"secret and never":     {policy(CompactNever, 40, 0.9), indexOf(t, secret, secretGone), false, `"srv/.env" looks like a secret`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := tc.policy.Decide(tc.merged, built)
			if got.Compact != tc.compact {
				t.Errorf("compact %v, want %v", got.Compact, tc.compact)
			}
			if reasons := strings.Join(got.Reasons, "; "); !strings.Contains(reasons, tc.reason) || (tc.reason == "" && reasons != "") {
				t.Errorf("reasons %q, want %q", reasons, tc.reason)
			}
			if got.Urgent != strings.HasPrefix(name, "secret") {
				t.Errorf("urgent %v", got.Urgent)
			}
			if got.Waits != (name == "dead bytes wait") {
				t.Errorf("waits %v", got.Waits)
			}
		})
	}
}

// An application whose .env changes with each build is not pushed whole each
// time.
func TestCompactionLeavesReplacedSecrets(t *testing.T) {
	t.Parallel()
	before, after := archive(t, file(".env", "A=1")), archive(t, file(".env", "A=2"))
	merged, built := indexOf(t, before, after), indexOf(t, after)
	if got := (CompactPolicy{Mode: CompactAuto}).Decide(merged, built); got.Compact || len(got.Secrets) > 0 {
		t.Errorf("decision %+v", got)
	}
	emptied := archive(t, file(".env", ""))
	merged, built = indexOf(t, before, emptied), indexOf(t, emptied)
	if got := (CompactPolicy{Mode: CompactAuto}).Decide(merged, built); !got.Compact || !got.Urgent {
		t.Errorf("decision on an emptied secret %+v", got)
	}
}

// A secret that the build's own layers hold goes up with them: compaction
// would not help.
func TestCompactionCannotRemoveWhatTheBuildShips(t *testing.T) {
	t.Parallel()
	merged := indexOf(t, archive(t, file(".env", "A=1")), archive(t, file(".wh..env", "")))
	built := indexOf(t, archive(t, file(".env", "A=1")), archive(t, file(".wh..env", "")))
	if got := (CompactPolicy{Mode: CompactAuto}).Decide(merged, built); got.Compact || len(got.Secrets) > 0 {
		t.Errorf("decision %+v", got)
	}
}

func TestLooksSecret(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]bool{
		".env": true, "app/.env.production": true, "root/.ssh/id_rsa": true, "app/ID_ED25519": true,
		"root/.npmrc": true, "root/.aws/credentials": true, "root/.aws/config": true, "root/.docker/config.json": true,
		"etc/ssl/private-key.pem": true, "etc/server.key": true, "app/secrets.yml": true, "terraform.tfstate": true,
		"app/service-account-prod.json": true,
		".env.example":                  false, "etc/ssl/certs/ca.pem": false, "root/.ssh/id_rsa.pub": false, "app/config.json": false,
		"usr/lib/python3/secrets.py": false, "app/secrets.js": false, "app/secret.d.ts": false, "node_modules/x/test/server.key": false,
		"app/node_modules/x/.env": false, "usr/lib/ssl/private.key": false, "app/usr_lib/private.key": true,
		"app/environment": false, "docs/secrets.md": false,
	} {
		if got := LooksSecret(path); got != want {
			t.Errorf("%s: %v, want %v", path, got, want)
		}
	}
}
