// SPDX-License-Identifier: Apache-2.0

package podspec

import (
	"cmp"
	"errors"
	"net/url"
	"path"
	"regexp"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
)

// FileSystem is the volume that stands for an Amazon EFS file system: a claim of the pod's namespace, or an NFS server. How
// the traffic is encrypted and who may mount what is its own matter.
type FileSystem struct {
	Claim     string // name of a PersistentVolumeClaim; empty for NFS
	NFSServer string
	NFSPath   string
}

var errFileSystem = errors.New("must be the name of a PersistentVolumeClaim or nfs://server/path")

// ParseFileSystem reads what a server's flag says: the name of a claim, or nfs://server/path.
func ParseFileSystem(s string) (FileSystem, error) {
	if !strings.HasPrefix(s, "nfs:") {
		if len(validation.IsDNS1123Subdomain(s)) > 0 {
			return FileSystem{}, errFileSystem
		}
		return FileSystem{Claim: s}, nil
	}
	u, err := url.Parse(s)
	if err != nil || u.Hostname() == "" || u.Host != u.Hostname() || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return FileSystem{}, errFileSystem
	}
	return FileSystem{NFSServer: u.Host, NFSPath: path.Clean("/" + u.Path)}, nil
}

// fileSystem finds the volume for an EFS configuration: an access point's own, else the file system's. An access point is a
// directory and a user of its own, so the file system alone cannot stand for it.
func (o Options) fileSystem(at *field.Path, p *awsapi.EFSVolumeConfiguration) (FileSystem, error) {
	id := ptr.Deref(p.FileSystemId, "")
	if p.AuthorizationConfig != nil && ptr.Deref(p.AuthorizationConfig.AccessPointId, "") != "" {
		id = *p.AuthorizationConfig.AccessPointId
		at = at.Child("authorizationConfig", "accessPointId")
	} else {
		at = at.Child("fileSystemId")
	}
	fs, found := o.FileSystems[id]
	if !found {
		return fs, invalid(at, "%s is not known to this server: its administrator can map it to a volume", quote(id))
	}
	return fs, nil
}

// serviceAccount stands for a role; empty if none does.
func (o Options) serviceAccount(role string) string {
	if role == "" {
		return ""
	}
	name := role[strings.LastIndexByte(role, '/')+1:]
	for _, key := range [...]string{role, name, "*"} {
		if account, found := o.ServiceAccounts[key]; found {
			return account
		}
	}
	return ""
}

// secretKey is an entry of a Kubernetes Secret.
type secretKey struct{ secret, key string }

// defaultSecretKey is the entry of a secret that is one value, not a JSON object.
const defaultSecretKey = "value"

// randomSuffix ends the name in a Secrets Manager ARN.
var randomSuffix = regexp.MustCompile(`-[A-Za-z0-9]{6}$`)

// parseValueFrom reads a secret's valueFrom or credentialsParameter; the package documentation has the rule.
func parseValueFrom(at *field.Path, s string) (secretKey, error) {
	name, key, version, ok := cutValueFrom(s)
	switch {
	case !ok:
		return secretKey{}, invalid(at, "%s must be the ARN of a Secrets Manager secret or of an SSM parameter, or a name", quote(s))
	case version != "" && version != "AWSCURRENT":
		return secretKey{}, invalid(at, "%s must not name a version: a Kubernetes Secret has one", quote(s))
	}
	out := secretKey{secretName(name), cmp.Or(key, defaultSecretKey)}
	if len(validation.IsDNS1123Subdomain(out.secret)) > 0 {
		return secretKey{}, invalid(at, "%s names no Kubernetes Secret: %s is not a name of one", quote(s), quote(out.secret))
	}
	return out, broken(at, out.key, validation.IsConfigMapKey(out.key))
}

// cutValueFrom takes a valueFrom apart, as it stands.
func cutValueFrom(s string) (name, key, version string, ok bool) {
	if !strings.HasPrefix(s, "arn:") {
		name, key, _ = cut3(s)
		return name, key, "", true
	}
	parts := strings.SplitN(s, ":", 6)
	if len(parts) != 6 {
		return "", "", "", false
	}
	if secret, found := strings.CutPrefix(parts[5], "secret:"); found && parts[2] == "secretsmanager" {
		name, key, version = cut3(secret)
		return randomSuffix.ReplaceAllString(name, ""), key, strings.Trim(version, ":"), true
	}
	name, ok = strings.CutPrefix(parts[5], "parameter/")
	return name, "", "", ok && parts[2] == "ssm"
}

// cut3 cuts a:b:rest.
func cut3(s string) (a, b, rest string) {
	a, rest, _ = strings.Cut(s, ":")
	b, rest, _ = strings.Cut(rest, ":")
	return a, b, rest
}

// secretName makes a legal name: lower case, what is no letter, digit, full stop or hyphen a hyphen, none of these two at
// the ends.
func secretName(s string) string {
	legal := func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '.', r == '-':
			return r
		}
		return '-'
	}
	return strings.Trim(strings.Map(legal, strings.ToLower(s)), "-.")
}

func unsupported(at *field.Path) error {
	return batch.Invalidf("%s is not supported by this server", at)
}
