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
		"an address without a port is refused":          {[]string{"--listen=127.0.0.1"}, "--listen"},
		"an unknown durability is refused":              {[]string{"--durability=hope"}, "fsync, replicated, relaxed"},
		"volatile is not for users":                     {[]string{"--durability=volatile"}, "fsync, replicated, relaxed"},
		"finished pods cannot be kept a negative while": {[]string{"--finished-pod-ttl=-1s"}, "--finished-pod-ttl"},
		"AWS Batch's quotas may be lifted":              {[]string{"--max-array-size=1000000", "--max-dependencies=100", "--max-nodes=5000"}, ""},
		"an array of one is none":                       {[]string{"--max-array-size=1"}, "--max-array-size"},
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
