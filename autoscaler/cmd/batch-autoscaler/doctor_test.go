// SPDX-License-Identifier: Apache-2.0

//go:build kwok

package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/muster-batch/muster/autoscaler/fleet/ec2/ec2fake"
)

// ward is all that the program would speak to.
type ward struct {
	*testing.T
	options     *options
	cloud       *ec2fake.Cloud
	forbidden   bool   // by Kubernetes
	instanceSet string // of the environment
	silent      bool   // the Batch API
}

func newWard(t *testing.T) *ward {
	t.Helper()
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} {
		t.Setenv(name, "test")
	}
	w := &ward{T: t, options: newOptions(), cloud: ec2fake.New(ec2fake.Config{}), instanceSet: "c5.large"}
	mux := http.NewServeMux()
	mux.HandleFunc("/version", func(rw http.ResponseWriter, _ *http.Request) { fmt.Fprint(rw, `{"major":"1","minor":"33"}`) })
	mux.HandleFunc("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", w.review)
	mux.HandleFunc("/v1/describecomputeenvironments", w.describe)
	mux.Handle("/", w.cloud)
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	config := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(config, []byte(`{"clusters":[{"name":"c","cluster":{"server":"`+srv.URL+`"}}],"contexts":[{"name":"c","context":{"cluster":"c"}}],"current-context":"c"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	o := w.options
	o.Kubeconfig, o.BatchEndpoint, o.Fleet, o.EC2Cluster, o.EC2Region, o.EC2Endpoint = config, srv.URL, fleetEC2, "muster", "us-east-1", srv.URL
	return w
}

func (w *ward) review(rw http.ResponseWriter, _ *http.Request) {
	rw.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(rw, `{"kind":"SelfSubjectAccessReview","apiVersion":"authorization.k8s.io/v1","status":{"allowed":%t}}`, !w.forbidden)
}

func (w *ward) describe(rw http.ResponseWriter, _ *http.Request) {
	if w.silent {
		http.Error(rw, `{"message":"no"}`, http.StatusInternalServerError)
		return
	}
	rw.Header().Set("Content-Type", "application/json")
	err := json.NewEncoder(rw).Encode(map[string]any{"computeEnvironments": []any{map[string]any{
		"computeEnvironmentName": "env", "computeEnvironmentArn": "arn", "uuid": envUUID, "type": "MANAGED", "state": "ENABLED", "status": "VALID",
		"computeResources": map[string]any{
			"type": "SPOT", "maxvCpus": 8, "instanceTypes": []string{w.instanceSet}, "subnets": w.cloud.Subnets(), "instanceRole": "node",
			"securityGroupIds": []string{"sg-1"},
		},
	}}})
	if err != nil {
		w.Error(err)
	}
}

func (w *ward) examine() (string, error) {
	w.Helper()
	var out strings.Builder
	err := examine(w.Context(), w.options, &out)
	return out.String(), err
}

func TestDoctorFindsAllWell(t *testing.T) {
	w := newWard(t)
	out, err := w.examine()
	if err != nil || strings.Contains(out, "FAIL") {
		t.Errorf("%v:\n%s", err, out)
	}
	for _, want := range []string{
		"ok    Kubernetes API\n",
		"ok    right to get, update leases.coordination.k8s.io/batch-autoscaler in namespace muster-system\n",
		"ok    Batch API at " + w.options.BatchEndpoint + "\n",
		"ok    compute environment env\n",
		"ok    permission ec2:DescribeInstances\n",
		"ok    launch of c5.large in us-east-1a of compute environment env\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("output lacks %q", want)
		}
	}
	if got := w.cloud.Instances(); len(got) != 0 {
		t.Errorf("%d instances were launched", len(got))
	}
	if t.Failed() {
		t.Log(out)
	}
}

func TestDoctorFailsWithWhatIsWrong(t *testing.T) {
	cases := map[string]struct {
		spoil func(*ward)
		want  string
	}{
		"Kubernetes does not answer": {
			func(w *ward) { w.options.Kubeconfig = "/nowhere" },
			"FAIL  Kubernetes API: configure the Kubernetes client: stat /nowhere: no such file or directory. Correct --kubeconfig",
		},
		"Kubernetes denies": {
			func(w *ward) { w.forbidden = true },
			"FAIL  right to create, patch events: no right to create. Apply manifests/base/autoscaler/rbac.yaml.",
		},
		"the Batch API does not answer": {
			func(w *ward) { w.silent = true },
			"FAIL  Batch API at ",
		},
		"an unknown instance type": {
			func(w *ward) { w.instanceSet = "c99.huge" },
			"FAIL  compute environment env: ",
		},
		"a security group is gone": {
			func(w *ward) { w.cloud.Lack("sg-1") },
			"FAIL  launch of c5.large in us-east-1b of compute environment env: dry run of a launch: InvalidGroup.NotFound",
		},
		"the fleet cannot be made": {
			func(w *ward) { w.options.Fleet, w.options.FleetCommand = fleetExec, "/nowhere" },
			"FAIL  fleet exec: ",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWard(t)
			tc.spoil(w)
			out, err := w.examine()
			if err == nil || !strings.Contains(err.Error(), "checks failed") || !strings.Contains(out, tc.want) {
				t.Errorf("error %v, want %q:\n%s", err, tc.want, out)
			}
		})
	}
}
