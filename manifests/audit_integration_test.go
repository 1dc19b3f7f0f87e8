// SPDX-License-Identifier: Apache-2.0

//go:build integration

package manifests

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
)

// auditPolicy has the API server write down what service accounts of muster-system ask for, with all of it where they ask what
// others may do.
const auditPolicy = `
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Request
  userGroups: ["system:serviceaccounts:muster-system"]
  verbs: [create]
  resources: [{group: authorization.k8s.io, resources: [subjectaccessreviews]}]
- level: Metadata
  userGroups: ["system:serviceaccounts:muster-system"]
- level: None
`

// audit is an API server's log of requests.
type audit struct{ policy, log string }

func newAudit(t *testing.T) *audit {
	t.Helper()
	a := &audit{filepath.Join(t.TempDir(), "policy.yaml"), filepath.Join(t.TempDir(), "audit.log")}
	if err := os.WriteFile(a.policy, []byte(auditPolicy), 0o600); err != nil {
		t.Fatal(err)
	}
	return a
}

func (a *audit) flags() []string {
	return []string{"--audit-policy-file=" + a.policy, "--audit-log-path=" + a.log}
}

// request is one of a service account's, as far as rules speak of requests.
type request struct {
	account, group, resource, verb, namespace, name string
	userAgent, uri                                  string
	code                                            int
}

// requests are all that the log has.
func (a *audit) requests(t *testing.T) []request {
	t.Helper()
	file, err := os.Open(a.log)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var all []request
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		all = append(all, read(t, lines.Bytes())...)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// read is the request of a line, and the one that it asks about if it is a SubjectAccessReview.
func read(t *testing.T, line []byte) []request {
	t.Helper()
	var event struct {
		Verb, UserAgent, RequestURI string
		User                        struct{ Username string }
		ImpersonatedUser            *struct{ Username string }
		ObjectRef                   struct{ APIGroup, Resource, Subresource, Namespace, Name string }
		ResponseStatus              struct{ Code int }
		RequestObject               struct {
			Spec struct {
				User               string
				ResourceAttributes struct{ Group, Resource, Verb, Namespace, Name string }
			}
		}
	}
	if err := json.Unmarshal(line, &event); err != nil || event.ImpersonatedUser != nil { // a line that is being written; a test's request
		return nil
	}
	o := event.ObjectRef
	if o.Subresource != "" {
		o.Resource += "/" + o.Subresource
	}
	all := []request{{
		accountOf(event.User.Username), o.APIGroup, o.Resource, event.Verb, o.Namespace, o.Name, event.UserAgent, event.RequestURI, event.ResponseStatus.Code,
	}}
	if asked := event.RequestObject.Spec.ResourceAttributes; o.Resource == "subjectaccessreviews" {
		all = append(all, request{
			account: accountOf(event.RequestObject.Spec.User), group: asked.Group, resource: asked.Resource, verb: asked.Verb,
			namespace: asked.Namespace, name: asked.Name, code: 200,
		})
	}
	return all
}

func accountOf(user string) string {
	return strings.TrimPrefix(user, "system:serviceaccount:"+system+":")
}

// right is one verb on one resource that a role gives an account.
type right struct {
	account, role, group, resource, verb string
	namespace                            string // empty: all
	names                                []string
}

func (r *right) String() string {
	text := r.account + " (" + r.role + "): " + r.verb + " " + strings.Trim(r.group+"/"+r.resource, "/")
	if len(r.names) > 0 {
		text += " " + strings.Join(r.names, ",")
	}
	return text
}

// Events are the same things in both of their groups.
func (r *right) allows(q *request) bool {
	return r.account == q.account && (r.group == q.group || r.resource == "events") && r.resource == q.resource && r.verb == q.verb &&
		(r.namespace == "" || r.namespace == q.namespace) && (len(r.names) == 0 || slices.Contains(r.names, q.name))
}

// rights are all that roles give the programs.
func (r rendered) rights() []*right {
	var all []*right
	add := func(role, namespace string, subjects []rbacv1.Subject, rules []rbacv1.PolicyRule) {
		for _, s := range subjects {
			for _, rule := range rules {
				for _, group := range rule.APIGroups {
					for _, resource := range rule.Resources {
						for _, verb := range rule.Verbs {
							all = append(all, &right{s.Name, role, group, resource, verb, namespace, rule.ResourceNames})
						}
					}
				}
			}
		}
	}
	rules := map[string][]rbacv1.PolicyRule{}
	for _, role := range of[*rbacv1.ClusterRole](r) {
		rules["ClusterRole/"+role.Name] = role.Rules
	}
	for _, role := range of[*rbacv1.Role](r) {
		rules["Role/"+role.Name] = role.Rules
	}
	for _, b := range of[*rbacv1.ClusterRoleBinding](r) {
		add(b.RoleRef.Name, "", b.Subjects, rules[b.RoleRef.Kind+"/"+b.RoleRef.Name])
	}
	for _, b := range of[*rbacv1.RoleBinding](r) {
		add(b.RoleRef.Name, b.Namespace, b.Subjects, rules[b.RoleRef.Kind+"/"+b.RoleRef.Name])
	}
	return all
}

// unused are the rights that no request needed.
func unused(rights []*right, requests []request) []string {
	var left []string
	for _, r := range rights {
		if !slices.ContainsFunc(requests, func(q request) bool { return r.allows(&q) }) {
			left = append(left, r.String())
		}
	}
	slices.Sort(left)
	return slices.Compact(left)
}
