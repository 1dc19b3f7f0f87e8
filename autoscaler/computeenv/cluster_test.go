// SPDX-License-Identifier: Apache-2.0

package computeenv

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-batch/muster/autoscaler/fleet/fake"
)

func TestOnlyEnvironmentsOfTheClusterAreRead(t *testing.T) {
	t.Parallel()
	const (
		west = "arn:aws:eks:us-east-1:123456789012:cluster/west"
		page = `{"computeEnvironmentName":"at-home","uuid":"u-1","type":"MANAGED","computeResources":{"type":"EC2","maxvCpus":4}},
		{"computeEnvironmentName":"in-east","uuid":"u-2","type":"MANAGED","computeResources":{"type":"EC2","maxvCpus":4},
			"eksConfiguration":{"eksClusterArn":"arn:aws:eks:us-east-1:123456789012:cluster/east","kubernetesNamespace":"jobs"}},
		{"computeEnvironmentName":"in-west","uuid":"u-3","type":"MANAGED","computeResources":{"type":"EC2","maxvCpus":4},
			"eksConfiguration":{"eksClusterArn":"` + west + `","kubernetesNamespace":"jobs"}}`
	)
	cases := map[string]struct {
		cluster Cluster
		want    []string
	}{
		"no cluster is named":          {Cluster{}, []string{"at-home", "in-east", "in-west"}},
		"a cluster by its name":        {Cluster{Name: "west"}, []string{"in-west"}},
		"a cluster by its ARN":         {Cluster{Name: west}, []string{"in-west"}},
		"the home cluster":             {Cluster{Name: "east", IsHome: true}, []string{"at-home", "in-east"}},
		"a home that nothing names":    {Cluster{Name: "home", IsHome: true}, []string{"at-home"}},
		"a cluster of no environments": {Cluster{Name: "north"}, nil},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newReader(t, &server{pages: []string{page}}, fake.New(fake.Config{}), Config{Cluster: tc.cluster})
			if err := r.Read(t.Context()); err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, e := range r.Snapshot().All() {
				got = append(got, e.Name)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("environments mismatch (-want +got):\n%s", diff)
			}
		})
	}
}
