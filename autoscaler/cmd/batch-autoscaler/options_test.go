// SPDX-License-Identifier: Apache-2.0

//go:build kwok

package main

import (
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

func TestOptions(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		args []string
		want string // part of the error; empty for none
	}{
		"the exec fleet needs a command":   {want: "--fleet=exec needs --fleet-command"},
		"the exec fleet":                   {args: []string{"--fleet-command=/bin/true"}},
		"the kwok fleet":                   {args: []string{"--fleet=kwok", "--scale-down-delay=0s", "--node-delete-delay=0s"}},
		"an unknown fleet":                 {args: []string{"--fleet=ec3"}, want: `--fleet "ec3" is none of ec2, exec, kwok`},
		"the ec2 fleet":                    {args: []string{"--fleet=ec2", "--ec2-cluster=c", "--ec2-region=eu-west-1"}},
		"the ec2 fleet needs a cluster":    {args: []string{"--fleet=ec2", "--ec2-region=eu-west-1"}, want: "--fleet=ec2 needs --ec2-cluster and --ec2-region"},
		"the ec2 fleet needs a region":     {args: []string{"--fleet=ec2", "--ec2-cluster=c", "--ec2-region="}, want: "--fleet=ec2 needs"},
		"the ec2 fleet with a queue":       {args: []string{"--fleet=ec2", "--ec2-cluster=c", "--ec2-region=r", "--ec2-interruption-queue=q"}},
		"a queue without the ec2 fleet":    {args: []string{"--fleet=kwok", "--ec2-interruption-queue=q"}, want: "--ec2-interruption-queue needs --fleet=ec2"},
		"an endpoint without a host":       {args: []string{"--fleet=kwok", "--batch-endpoint=8080"}, want: "--batch-endpoint"},
		"a back-off that shrinks":          {args: []string{"--fleet=kwok", "--max-node-group-backoff=1s"}, want: "--max-node-group-backoff"},
		"a poll without pause":             {args: []string{"--fleet=kwok", "--batch-poll-interval=0s"}, want: "--batch-poll-interval must be positive"},
		"a negative delay":                 {args: []string{"--fleet=kwok", "--scale-down-delay=-1s"}, want: "must not be negative"},
		"one cluster of several":           {args: []string{"--fleet=kwok", "--cluster=west", "--home-cluster"}},
		"a home without a name":            {args: []string{"--fleet=kwok", "--home-cluster"}, want: "--home-cluster needs --cluster"},
		"two kinds of credentials":         {args: []string{"--fleet=kwok", "--batch-token-file=t", "--batch-access-key-file=k"}, want: "exclude each other"},
		"something that is no flag at all": {args: []string{"--fleet=kwok", "run"}, want: `unexpected argument "run"`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOptions()
			flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
			o.AddFlags(flags)
			if err := flags.Parse(tc.args); err != nil {
				t.Fatal(err)
			}
			err := o.Validate(flags.Args())
			if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("Validate = %v, want %q", err, tc.want)
			}
		})
	}
}
