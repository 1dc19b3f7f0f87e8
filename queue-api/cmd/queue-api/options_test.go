// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

func TestValidate(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		args []string
		want string // in the error; empty: valid
	}{
		"the defaults are valid":                        {nil, ""},
		"an open address needs a word":                  {[]string{"--listen=0.0.0.0:8080"}, "--allow-unauthenticated"},
		"an address of no host is open":                 {[]string{"--listen=:8080"}, "--allow-unauthenticated"},
		"an open address is allowed by name":            {[]string{"--listen=0.0.0.0:8080", "--allow-unauthenticated"}, ""},
		"IPv6 loopback is loopback":                     {[]string{"--listen=[::1]:8080"}, ""},
		"signatures need keys":                          {[]string{"--auth=sigv4"}, "--access-keys-file or --session-keys-file"},
		"signatures by static keys":                     {[]string{"--auth=sigv4", "--access-keys-file=f", "--listen=:8080"}, ""},
		"signatures by derived keys need tokens":        {[]string{"--auth=sigv4", "--session-keys-file=f"}, "--auth=sigv4,token"},
		"both":                                          {[]string{"--auth=sigv4,token", "--session-keys-file=f", "--access-keys-file=g", "--listen=:8080"}, ""},
		"tokens alone":                                  {[]string{"--auth=token", "--listen=:8080"}, ""},
		"keys without signatures":                       {[]string{"--auth=token", "--access-keys-file=f"}, "--auth=sigv4"},
		"keys though nobody is asked":                   {[]string{"--access-keys-file=f"}, "--auth=sigv4"},
		"nobody and somebody":                           {[]string{"--auth=none,token"}, "must be none, or"},
		"an issuer without a client":                    {[]string{"--auth=token", "--oidc-issuer-url=https://i"}, "--oidc-client-id"},
		"an issuer without tokens":                      {[]string{"--oidc-issuer-url=https://i", "--oidc-client-id=m"}, "--auth=token"},
		"an issuer that is overheard":                   {[]string{"--auth=token", "--oidc-issuer-url=http://i", "--oidc-client-id=m"}, "must be https"},
		"a client without an issuer":                    {[]string{"--oidc-client-id=m"}, "--oidc-issuer-url"},
		"a console at a path":                           {[]string{"--console-url=https://h/x"}, "--console-url"},
		"a login that ends at once":                     {[]string{"--console-session=1s"}, "--console-session"},
		"an unknown way":                                {[]string{"--auth=oidc"}, "--auth oidc"},
		"no way at all":                                 {[]string{"--auth="}, "must be none, or"},
		"the word for nobody goes with nobody":          {[]string{"--auth=token", "--allow-unauthenticated"}, "--auth=none alone"},
		"half a certificate":                            {[]string{"--tls-cert-file=f"}, "go together"},
		"an address without a port is refused":          {[]string{"--listen=127.0.0.1"}, "--listen"},
		"an unknown durability is refused":              {[]string{"--durability=hope"}, "fsync, replicated, relaxed"},
		"volatile is not for users":                     {[]string{"--durability=volatile"}, "fsync, replicated, relaxed"},
		"finished pods cannot be kept a negative while": {[]string{"--finished-pod-ttl=-1s"}, "--finished-pod-ttl"},
		"AWS Batch's quotas may be lifted":              {[]string{"--max-array-size=1000000", "--max-dependencies=100", "--max-nodes=5000"}, ""},
		"limits may be lifted":                          {[]string{"--submit-rate=0", "--submit-rate-total=0", "--max-queue-jobs=0", "--max-connections=1", "--max-requests=1"}, ""},
		"no connection at all is no service":            {[]string{"--max-connections=0"}, "--max-connections"},
		"no request at all is none either":              {[]string{"--max-requests=0"}, "--max-requests"},
		"a queue cannot have less than no jobs":         {[]string{"--max-queue-jobs=-1"}, "--max-queue-jobs"},
		"nobody submits a negative number":              {[]string{"--submit-rate=-1"}, "--submit-rate"},
		"shutting down takes no negative time":          {[]string{"--shutdown-delay=-1s"}, "--shutdown-delay"},
		"an array of one is none":                       {[]string{"--max-array-size=1"}, "--max-array-size"},
		"roles and file systems are translated": {[]string{
			"--role-service-account=arn:aws:iam::1:role/a=b=worker", "--role-service-account=*=default",
			"--efs-volume=fs-1=claim", "--efs-volume=fsap-1=nfs://host/path",
		}, ""},
		"a role without an account is refused":       {[]string{"--role-service-account=arn:aws:iam::1:role/a"}, "ROLE=ACCOUNT"},
		"an account must be a name":                  {[]string{"--role-service-account=a=B_c"}, "ROLE=ACCOUNT"},
		"a file system without a volume is refused":  {[]string{"--efs-volume=fs-1="}, "--efs-volume"},
		"a volume is a claim or an NFS server":       {[]string{"--efs-volume=fs-1=http://x"}, "--efs-volume"},
		"heads may be overtaken":                     {[]string{"--backfill=10", "--backfill-for=1h"}, ""},
		"the cluster of several has a name":          {[]string{"--clusters-dir=d", "--cluster=home"}, ""},
		"one cluster needs no name":                  {[]string{"--cluster=home"}, "--cluster needs --clusters-dir"},
		"a head cannot be overtaken a negative time": {[]string{"--backfill-for=-1s"}, "--backfill"},
		"a head cannot keep room a negative time":    {[]string{"--head-room=-1s"}, "--head-room"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var o options
			fs := pflag.NewFlagSet("", pflag.ContinueOnError)
			o.addFlags(fs)
			if err := fs.Parse(tc.args); err != nil {
				t.Fatal(err)
			}
			err := o.validate()
			if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}
