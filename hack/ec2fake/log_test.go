// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/muster-batch/muster/autoscaler/fleet/ec2/ec2fake"
)

func TestCallsAreLogged(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		fault *ec2fake.Fault
		want  string
	}{
		"one that goes well":            {want: " DescribeInstances 200, "},
		"one that is refused":           {fault: &ec2fake.Fault{Code: "RequestLimitExceeded"}, want: " DescribeInstances 503, "},
		"one that is not even answered": {fault: &ec2fake.Fault{Lost: true}, want: " DescribeInstances 0, "},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cloud := ec2fake.New(ec2fake.Config{})
			if tc.fault != nil {
				cloud.Break(*tc.fault)
			}
			var out strings.Builder
			srv := httptest.NewServer(logged(&out, cloud))
			response, err := srv.Client().PostForm(srv.URL, url.Values{"Action": {"DescribeInstances"}})
			if err == nil {
				_ = response.Body.Close()
			}
			srv.Close()
			if !strings.Contains(out.String(), tc.want) {
				t.Errorf("log = %q, want %q in it", out.String(), tc.want)
			}
		})
	}
}
