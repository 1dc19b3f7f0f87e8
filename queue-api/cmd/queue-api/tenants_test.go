// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/spf13/pflag"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// tenants share the program. Each may do everything over the Batch API with what begins with its name and a hyphen, and
// nothing in Kubernetes.
var tenants = []string{"red", "green", "blue"}

// house is the program, as overlays/restricted runs it, in front of an API server that knows no more than who has which
// token, what they may do, and that the jobs' namespace is under the baseline Pod Security Standard. No pod is ever made.
type house struct {
	t        *testing.T
	endpoint string
	health   string

	mu    sync.Mutex // guards nodes
	nodes []corev1.Node
}

func openHouse(t *testing.T) *house {
	t.Helper()
	h := &house{t: t}
	kubernetes := httptest.NewServer(http.HandlerFunc(h.answerReview))
	t.Cleanup(kubernetes.Close)
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	var o options
	fs := pflag.NewFlagSet("", pflag.ContinueOnError)
	o.addFlags(fs)
	if err := fs.Parse([]string{
		"--kubeconfig=" + write("kubeconfig", strings.ReplaceAll(noCluster, "http://127.0.0.1:1", kubernetes.URL)),
		"--listen=" + freeAddress(t), "--health-address=" + freeAddress(t), "--data-dir=" + filepath.Join(dir, "redis"),
		"--host-network=false", "--auth=sigv4,token", "--session-keys-file=" + write("session", strings.Repeat("k", 40)),
	}); err != nil {
		t.Fatal(err)
	}
	if err := o.validate(); err != nil {
		t.Fatal(err)
	}
	runProgram(t, o)
	h.endpoint, h.health = "http://"+o.listen, "http://"+o.healthAddress
	return h
}

// answerReview is the API server.
func (h *house) answerReview(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	object, _, _ := scheme.Codecs.UniversalDeserializer().Decode(body, nil, nil)
	var answer runtime.Object
	switch review := object.(type) {
	case *authenticationv1.TokenReview:
		if user, ok := strings.CutPrefix(review.Spec.Token, "token-of-"); ok && slices.Contains(tenants, user) {
			review.Status = authenticationv1.TokenReviewStatus{
				Authenticated: true, Audiences: review.Spec.Audiences, User: authenticationv1.UserInfo{Username: user},
			}
		}
		review.TypeMeta = metav1.TypeMeta{APIVersion: "authentication.k8s.io/v1", Kind: "TokenReview"}
		answer = review
	case *authorizationv1.SubjectAccessReview:
		a := review.Spec.ResourceAttributes
		review.Status.Allowed = a.Group == "batch.muster.sh" && a.Namespace == "" && strings.HasPrefix(a.Name, review.Spec.User+"-")
		review.TypeMeta = metav1.TypeMeta{APIVersion: "authorization.k8s.io/v1", Kind: "SubjectAccessReview"}
		answer = review
	default:
		if answer = h.list(r.URL.Path); answer != nil {
			break
		}
		name, ok := strings.CutPrefix(r.URL.Path, "/api/v1/namespaces/")
		if !ok || strings.Contains(name, "/") {
			http.Error(w, "there is no more", http.StatusServiceUnavailable)
			return
		}
		answer = &corev1.Namespace{
			TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"},
			ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"pod-security.kubernetes.io/enforce": "baseline"}},
		}
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer)
}

// list answers with a node for each tenant's environment; there are no pods and no Events.
func (h *house) list(path string) runtime.Object {
	switch path {
	case "/api/v1/nodes":
		h.mu.Lock()
		defer h.mu.Unlock()
		return &corev1.NodeList{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "NodeList"}, Items: slices.Clone(h.nodes)}
	case "/api/v1/pods":
		return &corev1.PodList{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "PodList"}}
	case "/api/v1/events":
		return &corev1.EventList{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "EventList"}}
	}
	return nil
}

// join makes a node of a tenant's environment.
func (h *house) join(tenant string) {
	h.t.Helper()
	var described struct{ ComputeEnvironments []struct{ UUID string } }
	if err := json.Unmarshal([]byte(h.post(tenant, "DescribeComputeEnvironments", "{}").body), &described); err != nil || len(described.ComputeEnvironments) != 1 {
		h.t.Fatalf("environments of %s: %+v %v", tenant, described, err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.nodes = append(h.nodes, corev1.Node{ObjectMeta: metav1.ObjectMeta{
		Name: "node-of-" + tenant, Labels: map[string]string{batchmeta.ComputeEnvironmentUUID: described.ComputeEnvironments[0].UUID},
	}})
}

// reply is an answer of the Batch API.
type reply struct {
	status int
	code   string // of AWS's error; empty if there is none
	body   string
}

// send is one request of a tenant.
func (h *house) send(tenant, method, path, body string) reply {
	h.t.Helper()
	r, err := http.NewRequestWithContext(h.t.Context(), method, h.endpoint+path, strings.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer token-of-"+tenant)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		h.t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return reply{response.StatusCode, response.Header.Get("X-Amzn-Errortype"), string(content)}
}

func (h *house) post(tenant, operation, body string) reply {
	h.t.Helper()
	return h.send(tenant, http.MethodPost, "/v1/"+strings.ToLower(operation), body)
}

// must is post of what succeeds. It returns the answer's members that are text.
func (h *house) must(tenant, operation, body string) map[string]string {
	h.t.Helper()
	got := h.post(tenant, operation, body)
	if got.status != http.StatusOK {
		h.t.Fatalf("%s by %s: %d %s\n%s", operation, tenant, got.status, got.body, body)
	}
	var members map[string]any
	if err := json.Unmarshal([]byte(got.body), &members); err != nil {
		h.t.Fatal(err)
	}
	texts := map[string]string{}
	for name, value := range members {
		texts[name] = fmt.Sprint(value)
	}
	return texts
}

// settle makes what a tenant has: an environment, a queue, a definition, a policy and a resource, each called TENANT-x.
func (h *house) settle(tenant string) {
	h.t.Helper()
	fill := strings.NewReplacer("TENANT", tenant)
	h.must(tenant, "CreateComputeEnvironment", fill.Replace(`{"computeEnvironmentName":"TENANT-x","type":"UNMANAGED","tags":{"secret":"of-TENANT"}}`))
	policy := h.must(tenant, "CreateSchedulingPolicy", fill.Replace(`{"name":"TENANT-x","tags":{"secret":"of-TENANT"}}`))["arn"]
	h.must(tenant, "CreateConsumableResource", fill.Replace(`{"consumableResourceName":"TENANT-x","totalQuantity":9,"resourceType":"REPLENISHABLE","tags":{"secret":"of-TENANT"}}`))
	queue := fill.Replace(`{"jobQueueName":"TENANT-x","priority":1,"schedulingPolicyArn":"` + policy + `","computeEnvironmentOrder":[{"order":1,"computeEnvironment":"TENANT-x"}],"tags":{"secret":"of-TENANT"}}`)
	eventually(h.t, "the queue of "+tenant, func() bool { return h.post(tenant, "CreateJobQueue", queue).status == http.StatusOK })
	h.must(tenant, "RegisterJobDefinition", fill.Replace(`{"jobDefinitionName":"TENANT-x","type":"container","tags":{"secret":"of-TENANT"},`+
		`"consumableResourceProperties":{"consumableResourceList":[{"consumableResource":"TENANT-x","quantity":1}]},`+
		`"containerProperties":{"image":"busybox","vcpus":1,"memory":64,"command":["secret-of-TENANT"]}}`))
}
