// SPDX-License-Identifier: Apache-2.0

//go:build integration

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsbatch "github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	"github.com/aws/smithy-go"
	"github.com/spf13/pflag"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/muster-batch/muster/hack/kubetest"
	"github.com/muster-batch/muster/hack/sdktest"
	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
)

const (
	usersNamespace = "users"
	staticKeyID    = "AKIDCI"
	staticSecret   = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
)

// site is the program with authentication in front of a real API server, under the role that overlays/restricted gives it.
type site struct {
	*kubetest.ControlPlane

	t        *testing.T
	endpoint string
}

// TestWhoMayDoWhat runs the program under its own role against a real API server, with users of every shipped role.
func TestWhoMayDoWhat(t *testing.T) {
	s := startSite(t)
	s.addUsers()
	admin := s.as("admin")
	s.setUp(admin)

	t.Run("every route refuses bad credentials", s.refusesBadCredentials)
	t.Run("another tenant gets nothing", s.refusesOtherTenant)
	t.Run("roles", s.holdsRoles)
	t.Run("pods", s.holdsPods)
	t.Run("a static key", func(t *testing.T) {
		client := s.client(aws.Credentials{AccessKeyID: staticKeyID, SecretAccessKey: staticSecret})
		if _, err := client.ListJobs(t.Context(), &awsbatch.ListJobsInput{JobQueue: aws.String("q")}); err != nil {
			t.Errorf("its user is a viewer: %v", err)
		}
		_, err := client.SubmitJob(t.Context(), submission("q", "plain"))
		wantDenied(t, err, "User: ci is not authorized to perform: batch:SubmitJob on resource: arn:aws:batch:eu-west-1:123456789012:job-queue/q")
	})
}

func startSite(t *testing.T, flags ...string) *site {
	t.Helper()
	cluster := kubetest.Start(t)
	cluster.Apply("../../../manifests/overlays/restricted")
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
	err := fs.Parse(append([]string{
		"--kubeconfig=" + cluster.Kubeconfig(kubetest.QueueAPIToken), "--listen=" + freeAddress(t), "--health-address=" + freeAddress(t),
		"--data-dir=" + filepath.Join(dir, "redis"), "--host-network=false", "--auth=sigv4,token",
		"--session-keys-file=" + write("session", strings.Repeat("k", 40)),
		"--access-keys-file=" + write("keys", "- {accessKeyId: "+staticKeyID+", secretAccessKey: "+staticSecret+", user: ci}"),
	}, flags...))
	if err != nil {
		t.Fatal(err)
	}
	if err := o.validate(); err != nil {
		t.Fatal(err)
	}
	runProgram(t, o)
	return &site{ControlPlane: cluster, t: t, endpoint: "http://" + o.listen}
}

// addUsers makes a service account for each role and one without, and a tenant who may use the queue "other" alone and edit
// the namespace team.
func (s *site) addUsers() {
	s.t.Helper()
	s.CreateNamespace(usersNamespace)
	s.CreateNamespace("team")
	for _, user := range []string{"admin", "developer", "submitter", "viewer", "stranger", "tenant"} {
		s.must(s.Client.CoreV1().ServiceAccounts(usersNamespace).Create(s.t.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: user}}, metav1.CreateOptions{}))
	}
	account := func(name string) rbacv1.Subject {
		return rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Namespace: usersNamespace, Name: name}
	}
	bind := func(role string, subjects ...rbacv1.Subject) {
		s.must(s.Client.RbacV1().ClusterRoleBindings().Create(s.t.Context(), &rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: "test-" + role}, Subjects: subjects,
			RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
		}, metav1.CreateOptions{}))
	}
	bind("muster-admin", account("admin"))
	bind("muster-developer", account("developer"))
	bind("muster-submitter", account("submitter"))
	bind("muster-viewer", account("viewer"), rbacv1.Subject{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: "ci"})
	s.must(s.Client.RbacV1().ClusterRoles().Create(s.t.Context(), &rbacv1.ClusterRole{
		ObjectMeta: metav1.ObjectMeta{Name: "tenant"},
		Rules: []rbacv1.PolicyRule{
			{APIGroups: []string{"batch.muster.sh"}, Resources: []string{"jobqueues", "jobs"}, ResourceNames: []string{"other"}, Verbs: []string{"*"}},
			{APIGroups: []string{"batch.muster.sh"}, Resources: []string{"jobdefinitions"}, Verbs: []string{"create", "get", "submit"}},
		},
	}, metav1.CreateOptions{}))
	bind("tenant", account("tenant"))
	s.must(s.Client.RbacV1().RoleBindings("team").Create(s.t.Context(), &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "tenant"}, Subjects: []rbacv1.Subject{account("tenant")},
		RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "edit"},
	}, metav1.CreateOptions{}))
	s.Await("the role edit is aggregated", func(ctx context.Context) bool {
		role, err := s.Client.RbacV1().ClusterRoles().Get(ctx, "edit", metav1.GetOptions{})
		return err == nil && len(role.Rules) > 0
	})
	// What was written last in each kind is what the API server learns of last.
	s.Await("the rights are in force", func(ctx context.Context) bool {
		return s.may(ctx, "tenant", authorizationv1.ResourceAttributes{Group: "batch.muster.sh", Resource: "jobqueues", Name: "other", Verb: "get"}) &&
			s.may(ctx, "tenant", authorizationv1.ResourceAttributes{Resource: "secrets", Namespace: "team", Verb: "get"})
	})
}

// may asks the API server whether a user may do something.
func (s *site) may(ctx context.Context, user string, what authorizationv1.ResourceAttributes) bool {
	review, err := s.Client.AuthorizationV1().SubjectAccessReviews().Create(ctx, &authorizationv1.SubjectAccessReview{
		Spec: authorizationv1.SubjectAccessReviewSpec{User: "system:serviceaccount:" + usersNamespace + ":" + user, ResourceAttributes: &what},
	}, metav1.CreateOptions{})
	return err == nil && review.Status.Allowed
}

func (s *site) must(_ any, err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// token is one of a user's for an audience.
func (s *site) token(user, audience string) string {
	s.t.Helper()
	request, err := s.Client.CoreV1().ServiceAccounts(usersNamespace).CreateToken(s.t.Context(), user, &authenticationv1.TokenRequest{
		Spec: authenticationv1.TokenRequestSpec{Audiences: []string{audience}},
	}, metav1.CreateOptions{})
	if err != nil {
		s.t.Fatal(err)
	}
	return request.Status.Token
}

// as is the SDK's client with the key that the server derives from a user's token.
func (s *site) as(user string) *awsbatch.Client {
	s.t.Helper()
	return s.client(s.credentials(user))
}

func (s *site) credentials(user string) aws.Credentials {
	s.t.Helper()
	status, body := s.send(http.MethodGet, "/x/v1/credentials", "", http.Header{"Authorization": {s.token(user, "muster.sh")}})
	var got struct{ AccessKeyId, SecretAccessKey, SessionToken string } //nolint:revive // AWS's spelling
	if err := json.Unmarshal([]byte(body), &got); err != nil || status != http.StatusOK {
		s.t.Fatalf("credentials of %s: %d %s", user, status, body)
	}
	return aws.Credentials{AccessKeyID: got.AccessKeyId, SecretAccessKey: got.SecretAccessKey, SessionToken: got.SessionToken}
}

func (s *site) client(credentials aws.Credentials) *awsbatch.Client {
	return awsbatch.New(awsbatch.Options{
		BaseEndpoint: &s.endpoint, Region: "eu-west-1", Retryer: sdktest.Once(),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return credentials, nil }),
	})
}

func (s *site) send(method, path, body string, header http.Header) (status int, text string) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.endpoint+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header = header
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	content, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp.StatusCode, string(content)
}

// setUp makes what the others use: an environment, two queues and a plain definition.
func (s *site) setUp(admin *awsbatch.Client) {
	s.t.Helper()
	s.must(admin.CreateComputeEnvironment(s.t.Context(), &awsbatch.CreateComputeEnvironmentInput{
		ComputeEnvironmentName: aws.String("e"), Type: types.CETypeUnmanaged,
	}))
	for _, queue := range []string{"q", "other"} {
		eventually(s.t, "queue "+queue+" is made", func() bool {
			_, err := admin.CreateJobQueue(s.t.Context(), &awsbatch.CreateJobQueueInput{
				JobQueueName: &queue, Priority: aws.Int32(1),
				ComputeEnvironmentOrder: []types.ComputeEnvironmentOrder{{Order: aws.Int32(1), ComputeEnvironment: aws.String("e")}},
			})
			if err != nil {
				s.t.Log(err)
			}
			return err == nil
		})
	}
	s.must(admin.RegisterJobDefinition(s.t.Context(), definition("plain", nil)))
}

// definition is of pods that need nothing of Kubernetes but what change adds.
func definition(name string, change func(*types.EksPodProperties)) *awsbatch.RegisterJobDefinitionInput {
	pod := &types.EksPodProperties{Containers: []types.EksContainer{{
		Image:     aws.String("busybox"),
		Resources: &types.EksContainerResourceRequirements{Limits: map[string]string{"cpu": "1", "memory": "64Mi"}},
	}}}
	if change != nil {
		change(pod)
	}
	return &awsbatch.RegisterJobDefinitionInput{
		JobDefinitionName: &name, Type: types.JobDefinitionTypeContainer, EksProperties: &types.EksProperties{PodProperties: pod},
	}
}

func submission(queue, definition string) *awsbatch.SubmitJobInput {
	return &awsbatch.SubmitJobInput{JobName: aws.String("j"), JobQueue: &queue, JobDefinition: &definition}
}

// denied reports whether AWS's clients would call err an access denied.
func denied(err error) bool {
	api, ok := errors.AsType[smithy.APIError](err)
	return ok && api.ErrorCode() == batch.CodeAccessDenied
}

func wantDenied(t *testing.T, err error, text string) {
	t.Helper()
	if !denied(err) || !strings.Contains(err.Error(), text) {
		t.Errorf("error = %v, want one of %q", err, text)
	}
}

func (s *site) refusesBadCredentials(t *testing.T) {
	good := s.token("admin", "muster.sh")
	s.must(s.Client.CoreV1().ServiceAccounts(usersNamespace).Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "gone"}}, metav1.CreateOptions{}))
	gone := s.token("gone", "muster.sh")
	if err := s.Client.CoreV1().ServiceAccounts(usersNamespace).Delete(t.Context(), "gone", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	s.Await("the API server knows that the user is gone", func(ctx context.Context) bool {
		review, err := s.Client.AuthenticationV1().TokenReviews().Create(ctx, &authenticationv1.TokenReview{
			Spec: authenticationv1.TokenReviewSpec{Token: gone, Audiences: []string{"muster.sh"}},
		}, metav1.CreateOptions{})
		return err == nil && !review.Status.Authenticated
	})
	// An ended token is only ever told by its own claim, which here is forged.
	ended := "eyJhbGciOiJSUzI1NiJ9.eyJleHAiOjF9.c2lnbmF0dXJl"
	now := time.Now().UTC()
	signed := func(key string) http.Header {
		return http.Header{
			"X-Amz-Date": {now.Format("20060102T150405Z")},
			"Authorization": {"AWS4-HMAC-SHA256 Credential=" + key + "/" + now.Format("20060102") + "/us-east-1/batch/aws4_request, " +
				"SignedHeaders=host;x-amz-date, Signature=" + strings.Repeat("0", 64)},
		}
	}
	bearer := func(token string) http.Header { return http.Header{"Authorization": {"Bearer " + token}} }
	credentials := map[string]http.Header{
		"no":                       {},
		"garbage":                  bearer("garbage"),
		"an ended token":           bearer(ended),
		"a deleted user's":         bearer(gone),
		"a token for others":       bearer(s.token("admin", "https://kubernetes.default.svc")),
		"a token cut short":        bearer(good[:len(good)-8]),
		"a wrong secret":           signed(staticKeyID),
		"an unknown key":           signed("AKIDOTHER"),
		"a password":               {"Authorization": {"Basic YWRtaW46YWRtaW4="}},
		"the API server's own one": bearer(kubetest.AdminToken),
	}
	routes := append([]awsapi.Operation{
		{Name: "credentials", Method: http.MethodGet, Path: "/x/v1/credentials"},
		{Name: "events", Method: http.MethodGet, Path: "/x/v1/events"},
		{Name: "no route", Method: http.MethodPost, Path: "/v1/nothing"},
	}, awsapi.Operations[:]...)
	for _, route := range routes {
		path := strings.Replace(route.Path, "{resourceArn}", "arn%3Aaws%3Abatch%3Aus-east-1%3A123456789012%3Ajob-queue%2Fq", 1)
		for name, header := range credentials {
			if status, body := s.send(route.Method, path, "{}", header); status != http.StatusForbidden {
				t.Errorf("%s with %s credential: %d %s", route.Name, name, status, body)
			}
		}
	}
	t.Logf("%d routes × %d credentials", len(routes), len(credentials))
}

// refusesOtherTenant sends each operation about the queue q, and what else the tenant has no right to, as the tenant.
func (s *site) refusesOtherTenant(t *testing.T) {
	admin, tenant := s.as("admin"), s.as("tenant")
	job, err := admin.SubmitJob(t.Context(), submission("q", "plain"))
	if err != nil {
		t.Fatal(err)
	}
	id := aws.ToString(job.JobId)
	bodies := map[string]string{
		"CancelJob":                   `{"jobId":"%[1]s","reason":"r"}`,
		"CancelJobs":                  `{"jobs":["%[1]s"],"reason":"r"}`,
		"CreateComputeEnvironment":    `{"computeEnvironmentName":"mine","type":"UNMANAGED"}`,
		"CreateConsumableResource":    `{"consumableResourceName":"mine"}`,
		"CreateJobQueue":              `{"jobQueueName":"mine","priority":1}`,
		"CreateSchedulingPolicy":      `{"name":"mine"}`,
		"DeleteComputeEnvironment":    `{"computeEnvironment":"e"}`,
		"DeleteConsumableResource":    `{"consumableResource":"c"}`,
		"DeleteJobQueue":              `{"jobQueue":"q"}`,
		"DeleteSchedulingPolicy":      `{"arn":"arn:aws:batch:us-east-1:123456789012:scheduling-policy/p"}`,
		"DeregisterJobDefinition":     `{"jobDefinition":"plain:1"}`,
		"DescribeComputeEnvironments": `{"computeEnvironments":["e"]}`,
		"DescribeConsumableResource":  `{"consumableResource":"c"}`,
		"DescribeJobQueues":           `{"jobQueues":["q"]}`,
		"DescribeSchedulingPolicies":  `{"arns":["arn:aws:batch:us-east-1:123456789012:scheduling-policy/p"]}`,
		"GetJobQueueSnapshot":         `{"jobQueue":"q"}`,
		"ListJobs":                    `{"jobQueue":"q"}`,
		"ListTagsForResource":         "",
		"SubmitJob":                   `{"jobName":"j","jobQueue":"other","jobDefinition":"plain","dependsOn":[{"jobId":"%[1]s"}]}`,
		"TagResource":                 `{"tags":{"a":"b"}}`,
		"TerminateJob":                `{"jobId":"%[1]s","reason":"r"}`,
		"TerminateJobs":               `{"jobs":["%[1]s"],"reason":"r"}`,
		"UntagResource":               "",
		"UpdateComputeEnvironment":    `{"computeEnvironment":"e"}`,
		"UpdateConsumableResource":    `{"consumableResource":"c"}`,
		"UpdateJobQueue":              `{"jobQueue":"q"}`,
		"UpdateSchedulingPolicy":      `{"arn":"arn:aws:batch:us-east-1:123456789012:scheduling-policy/p"}`,

		"ListJobsByConsumableResource": `{"consumableResource":"c"}`,
	}
	header := http.Header{"Authorization": {"Bearer " + s.token("tenant", "muster.sh")}}
	sent := 0
	for _, op := range awsapi.Operations {
		body, ok := bodies[op.Name]
		if !ok {
			continue
		}
		sent++
		path := strings.Replace(op.Path, "{resourceArn}", "arn%3Aaws%3Abatch%3Aus-east-1%3A123456789012%3Ajob-queue%2Fq", 1) + map[string]string{"UntagResource": "?tagKeys=a"}[op.Name]
		if strings.Contains(body, "%") {
			body = fmt.Sprintf(body, id)
		}
		if status, text := s.send(op.Method, path, body, header); status != http.StatusForbidden || !strings.Contains(text, "is not authorized to perform: batch:"+op.Name) {
			t.Errorf("%s: %d %s", op.Name, status, text)
		}
	}
	if sent != len(bodies) {
		t.Errorf("%d operations, want %d", sent, len(bodies))
	}
	for query, want := range map[string]int{"": 403, "?jobQueue=q": 403, "?jobQueue=other&jobQueue=q": 403} {
		if status, text := s.send(http.MethodGet, "/x/v1/events"+query, "", header); status != want {
			t.Errorf("events%s: %d %s", query, status, text)
		}
	}
	// What is listed leaves out what is not the tenant's.
	queues, err := tenant.DescribeJobQueues(t.Context(), &awsbatch.DescribeJobQueuesInput{})
	if err != nil || len(queues.JobQueues) != 1 || aws.ToString(queues.JobQueues[0].JobQueueName) != "other" {
		t.Errorf("queues = %+v %v, want other", queues, err)
	}
	jobs, err := tenant.DescribeJobs(t.Context(), &awsbatch.DescribeJobsInput{Jobs: []string{id}})
	if err != nil || len(jobs.Jobs) != 0 {
		t.Errorf("jobs = %+v %v, want none", jobs, err)
	}
	if _, err := tenant.SubmitJob(t.Context(), submission("other", "plain")); err != nil {
		t.Errorf("in its own queue: %v", err)
	}
}

func (s *site) holdsRoles(t *testing.T) {
	can := map[string]func(context.Context, *awsbatch.Client) error{
		"see": func(ctx context.Context, c *awsbatch.Client) error {
			_, err := c.DescribeJobQueues(ctx, &awsbatch.DescribeJobQueuesInput{JobQueues: []string{"q"}})
			return err
		},
		"list": func(ctx context.Context, c *awsbatch.Client) error {
			_, err := c.ListJobs(ctx, &awsbatch.ListJobsInput{JobQueue: aws.String("q")})
			return err
		},
		"submit": func(ctx context.Context, c *awsbatch.Client) error {
			job, err := c.SubmitJob(ctx, submission("q", "plain"))
			if err != nil {
				return err
			}
			_, err = c.TerminateJob(ctx, &awsbatch.TerminateJobInput{JobId: job.JobId, Reason: aws.String("r")})
			return err
		},
		"register": func(ctx context.Context, c *awsbatch.Client) error {
			_, err := c.RegisterJobDefinition(ctx, definition("other", nil))
			return err
		},
		"queue": func(ctx context.Context, c *awsbatch.Client) error {
			_, err := c.UpdateJobQueue(ctx, &awsbatch.UpdateJobQueueInput{JobQueue: aws.String("q"), Priority: aws.Int32(2)})
			return err
		},
		"choose a namespace": func(ctx context.Context, c *awsbatch.Client) error {
			_, err := c.CreateComputeEnvironment(ctx, &awsbatch.CreateComputeEnvironmentInput{
				ComputeEnvironmentName: aws.String("system"), Type: types.CETypeUnmanaged,
				EksConfiguration: &types.EksConfiguration{EksClusterArn: aws.String("arn:aws:eks:us-east-1:123456789012:cluster/c"), KubernetesNamespace: aws.String("muster-system")},
			})
			return err
		},
		"be privileged": func(ctx context.Context, c *awsbatch.Client) error {
			_, err := c.RegisterJobDefinition(ctx, definition("privileged", func(p *types.EksPodProperties) {
				p.Containers[0].SecurityContext = &types.EksContainerSecurityContext{Privileged: aws.Bool(true)}
			}))
			if err != nil && strings.Contains(err.Error(), "PodSecurity") { // allowed to, but not there
				return nil
			}
			return err
		},
	}
	for role, want := range map[string][]string{
		"admin":     {"see", "list", "submit", "register", "queue", "be privileged"},
		"developer": {"see", "list", "submit", "register", "queue"},
		"submitter": {"see", "list", "submit"},
		"viewer":    {"see", "list"},
		"stranger":  nil,
	} {
		client := s.as(role)
		for what, do := range can {
			err := do(t.Context(), client)
			if err != nil && !denied(err) {
				t.Errorf("%s: %s: %v", role, what, err)
			}
			allowed := strings.Contains(" "+strings.Join(want, " , ")+" ", " "+what+" ")
			if denied(err) == allowed {
				t.Errorf("%s: %s: %v, want allowed: %v", role, what, err, allowed)
			}
		}
	}
}

// holdsPods holds that a job gets nothing that its submitter does not have.
func (s *site) holdsPods(t *testing.T) {
	developer, tenant := s.as("developer"), s.as("tenant")
	in := func(namespace string, change func(*types.EksPodProperties)) func(*types.EksPodProperties) {
		return func(p *types.EksPodProperties) {
			p.Metadata = &types.EksMetadata{Namespace: &namespace}
			if change != nil {
				change(p)
			}
		}
	}
	account := func(p *types.EksPodProperties) { p.ServiceAccountName = aws.String("robot") }
	secret := func(p *types.EksPodProperties) {
		p.Volumes = []types.EksVolume{{Name: aws.String("v"), Secret: &types.EksSecret{SecretName: aws.String("s")}}}
	}
	claim := func(p *types.EksPodProperties) {
		p.Volumes = []types.EksVolume{{Name: aws.String("v"), PersistentVolumeClaim: &types.EksPersistentVolumeClaim{ClaimName: aws.String("c")}}}
	}
	hostPath := func(p *types.EksPodProperties) {
		p.Volumes = []types.EksVolume{{Name: aws.String("v"), HostPath: &types.EksHostPath{Path: aws.String("/etc")}}}
	}
	hostNetwork := func(p *types.EksPodProperties) { p.HostNetwork = aws.Bool(true) }
	for name, tc := range map[string]struct {
		client *awsbatch.Client
		change func(*types.EksPodProperties)
		want   string // in the refusal; empty: none
	}{
		"an account of the shared namespace":    {developer, account, "ServiceAccount muster-jobs/robot"},
		"a secret of the shared namespace":      {developer, secret, "Secret muster-jobs/s"},
		"a claim of the shared namespace":       {developer, claim, "PersistentVolumeClaim muster-jobs/c"},
		"a path of the host":                    {developer, hostPath, "HostPath muster-jobs//etc"},
		"the host's network":                    {developer, hostNetwork, "privilege muster-jobs/HostNetwork"},
		"another's namespace":                   {developer, in("muster-system", nil), "namespace/muster-system"},
		"an account of one's own namespace":     {tenant, in("team", account), ""},
		"a secret of one's own namespace":       {tenant, in("team", secret), ""},
		"a claim of one's own namespace":        {tenant, in("team", claim), ""},
		"a path of the host, in it":             {tenant, in("team", hostPath), "HostPath team//etc"},
		"an account of a namespace of no right": {tenant, in("muster-system", account), "namespace/muster-system"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := tc.client.RegisterJobDefinition(t.Context(), definition("gated", tc.change))
			if tc.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wantDenied(t, err, tc.want)
		})
	}
	t.Run("a definition of somebody with more rights", func(t *testing.T) {
		if _, err := tenant.RegisterJobDefinition(t.Context(), definition("theirs", in("team", account))); err != nil {
			t.Fatal(err)
		}
		_, err := s.as("submitter").SubmitJob(t.Context(), submission("q", "theirs"))
		wantDenied(t, err, "batch:SubmitJob on resource: namespace/team")
	})
	t.Run("the level of the namespace", func(t *testing.T) {
		_, err := s.as("admin").RegisterJobDefinition(t.Context(), definition("host", hostNetwork))
		if err == nil || !strings.Contains(err.Error(), `pods would violate PodSecurity "baseline:latest" of namespace muster-jobs: host namespaces (hostNetwork=true)`) {
			t.Errorf("error = %v", err)
		}
	})
}
