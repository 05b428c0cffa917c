package image

import (
	"path"
	"strings"
)

// secretNames are names of files that commonly hold a secret, as patterns of
// path.Match, in lower case.
var secretNames = []string{
	".env", ".env.*", "*.env",
	"id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", "*.ppk",
	"*.key", "*.p12", "*.pfx", "*.jks", "*.keystore", "*.kdbx",
	".npmrc", ".yarnrc.yml", ".pypirc", ".netrc", "_netrc", ".pgpass", ".my.cnf", ".htpasswd", ".git-credentials",
	"credentials", "credentials.json", "credentials.y*ml", "application_default_credentials.json",
	"service-account*.json", "service_account*.json", "serviceaccount*.json",
	"secret", "secrets", "secret.*", "secrets.*", "*.secret", "*.secrets",
	"kubeconfig", "terraform.tfstate", "terraform.tfstate.backup", "*.tfvars", "master.key", ".dockercfg",
}

// secretPaths are ends of paths, where the name alone says too little.
var secretPaths = []string{".docker/config.json", ".kube/config", ".aws/config", "gnupg/secring.gpg"}

// publicNames look like secrets and are none: templates, and what libraries
// ship.
var publicNames = []string{
	".env.example", ".env.sample", ".env.template", ".env.dist", ".env.defaults",
	"secret.*s", "secrets.*s", "secret.py", "secrets.py", "secret.go", "secrets.go", "secret.rb", "secret.h",
	"*.pyc", "*.d.ts", "*.md", "*.map", "*.html",
}

// packageDirs hold what anybody can download: the keys among their test data
// are public.
var packageDirs = []string{
	"node_modules", "site-packages", "dist-packages", "gems", "usr/lib", "usr/share", "usr/include", "usr/local/lib",
	"usr/local/go",
}

// LooksSecret tells whether a file of this path commonly holds a secret, such
// as .env, id_rsa or .npmrc. A name such as server.pem, which may be public,
// counts if the name says "key" or "private". Files of installed packages do
// not count.
func LooksSecret(p string) bool {
	p = strings.ToLower(p)
	name := path.Base(p)
	if matches(publicNames, name) {
		return false
	}
	for _, dir := range packageDirs {
		if strings.Contains("/"+p, "/"+dir+"/") {
			return false
		}
	}
	if matches(secretNames, name) {
		return true
	}
	for _, end := range secretPaths {
		if p == end || strings.HasSuffix(p, "/"+end) {
			return true
		}
	}
	return path.Ext(name) == ".pem" && (strings.Contains(name, "key") || strings.Contains(name, "private"))
}

func matches(patterns []string, name string) bool {
	for _, pattern := range patterns {
		if ok, err := path.Match(pattern, name); ok && err == nil {
			return true
		}
	}
	return false
}
