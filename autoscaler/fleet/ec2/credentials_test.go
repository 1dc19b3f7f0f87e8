// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/muster-batch/muster/autoscaler/fleet"
	"github.com/muster-batch/muster/autoscaler/fleet/ec2/ec2fake"
)

const (
	fromSTS = `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult>
		<Credentials><AccessKeyId>id</AccessKeyId><SecretAccessKey>secret</SecretAccessKey><SessionToken>session</SessionToken>
		<Expiration>2030-01-02T03:04:05Z</Expiration></Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`
	fromAgent = `{"AccessKeyId":"id","SecretAccessKey":"secret","Token":"session","Expiration":"2030-01-02T03:04:05Z"}`
)

// issuer is STS, the agent of Pod Identity and the metadata service of a machine.
func issuer(w http.ResponseWriter, r *http.Request) {
	ok := false
	body := fromAgent
	switch r.URL.Path {
	case "/":
		ok = r.PostFormValue("WebIdentityToken") == "token" && r.PostFormValue("RoleArn") == "role"
		body = fromSTS
	case "/agent":
		ok = r.Header.Get("Authorization") == "token"
	case "/latest/api/token":
		ok = r.Method == http.MethodPut && r.Header.Get("X-Aws-Ec2-Metadata-Token-Ttl-Seconds") != ""
		body = "imds"
	case "/latest/meta-data/iam/security-credentials/":
		ok = r.Header.Get("X-Aws-Ec2-Metadata-Token") == "imds"
		body = "node-role\n"
	case "/latest/meta-data/iam/security-credentials/node-role":
		ok = r.Header.Get("X-Aws-Ec2-Metadata-Token") == "imds"
	}
	if !ok {
		http.Error(w, "no", http.StatusForbidden)
		return
	}
	_, _ = w.Write([]byte(body))
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(issuer))
	t.Cleanup(srv.Close)
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("token\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	temporary := aws.Credentials{
		AccessKeyID: "id", SecretAccessKey: "secret", SessionToken: "session", CanExpire: true,
		Expires: time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC),
	}
	cases := map[string]struct {
		env        map[string]string
		want       aws.Credentials
		wantSource string
		wantErr    string
	}{
		"keys in the environment": {
			env:  map[string]string{"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "s"},
			want: aws.Credentials{AccessKeyID: "key", SecretAccessKey: "s"}, wantSource: "environment",
		},
		"the role of a service account": {
			env:  map[string]string{"AWS_WEB_IDENTITY_TOKEN_FILE": file, "AWS_ROLE_ARN": "role"},
			want: temporary, wantSource: "web identity",
		},
		"a role that may not be assumed": {
			env:     map[string]string{"AWS_WEB_IDENTITY_TOKEN_FILE": file, "AWS_ROLE_ARN": "other"},
			wantErr: "assume role: 403 Forbidden: no",
		},
		"EKS Pod Identity": {
			env: map[string]string{
				"AWS_CONTAINER_CREDENTIALS_FULL_URI": srv.URL + "/agent", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": file,
			},
			want: temporary, wantSource: "pod identity",
		},
		"the role of the machine": {want: temporary, wantSource: "machine"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := &credentials{region: "r", endpoint: srv.URL, metadata: srv.URL, env: func(key string) string { return tc.env[key] }}
			got, err := c.Retrieve(t.Context())
			if tc.wantErr != "" {
				if err == nil || !strings.HasPrefix(err.Error(), tc.wantErr) {
					t.Errorf("Retrieve: %v, want %q", err, tc.wantErr)
				}
				return
			}
			tc.want.Source = tc.wantSource
			if err != nil || got != tc.want {
				t.Errorf("Retrieve = %+v, %v; want %+v", got, err, tc.want)
			}
		})
	}
}

func TestClusterThatIsNotThere(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ec2fake.Config{Cluster: "elsewhere"})
	_, err := w.Launch(t.Context(), w.request("token", 1))
	want := "describe cluster muster: ResourceNotFoundException: No cluster found for name: muster."
	if err == nil || err.Error() != want || fleet.ClassOf(err) != fleet.BadRequest {
		t.Errorf("Launch: %v (%s), want %q", err, fleet.ClassOf(err), want)
	}
}

func TestFleetNeedsARegionAndACluster(t *testing.T) {
	t.Parallel()
	if _, err := NewClient(ClientConfig{}); err == nil {
		t.Error("a client without a region")
	}
	if _, err := New(nil, nil, Config{}); err == nil {
		t.Error("a fleet without a cluster")
	}
}

func TestClientVerifiesItsCredentials(t *testing.T) {
	t.Parallel()
	client, err := NewClient(ClientConfig{Region: "r", Credentials: aws.CredentialsProviderFunc(staticCredentials)})
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Verify(t.Context()); err != nil {
		t.Errorf("Verify: %v", err)
	}
}
