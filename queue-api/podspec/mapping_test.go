// SPDX-License-Identifier: Apache-2.0

package podspec

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-batch/muster/queue-api/batch"
)

// TestParseValueFrom: the rule in the package's documentation.
func TestParseValueFrom(t *testing.T) {
	t.Parallel()
	const manager, parameters = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:", "arn:aws:ssm:eu-west-1:123456789012:parameter/"
	for s, want := range map[string]secretKey{
		"name":                                    {"name", "value"},
		"name:key":                                {"name", "key"},
		"/path/to/NAME":                           {"path-to-name", "value"},
		"Path_To.Name":                            {"path-to.name", "value"},
		"name-AbCdEf":                             {"name-abcdef", "value"}, // only an ARN has a random end
		manager + "name-AbCdEf":                   {"name", "value"},
		manager + "name":                          {"name", "value"},
		manager + "prod/db-x-AbCdEf:user::":       {"prod-db-x", "user"},
		manager + "prod/db-AbCdEf:a.b_C-1":        {"prod-db", "a.b_C-1"},
		manager + "n-AbCdEf:k:AWSCURRENT:":        {"n", "k"},
		manager + "n-AbCdEf:::":                   {"n", "value"},
		parameters + "path/to/NAME":               {"path-to-name", "value"},
		parameters + "NAME":                       {"name", "value"},
		"arn:aws-cn:ssm:cn-north-1:1:parameter/a": {"a", "value"},
	} {
		if got, err := parseValueFrom(nil, s); err != nil || got != want {
			t.Errorf("%s is %+v, %v, want %+v", s, got, err, want)
		}
	}
	for _, s := range []string{
		"", ":", "é", "---", "a.-b", "a:b/c", strings.Repeat("a", 254), "arn:aws:s3:::bucket", "arn:aws:ssm:r:1:document/a", "arn:aws:ssm",
		manager, manager + "n-AbCdEf:k:AWSPREVIOUS:", manager + "n-AbCdEf:k::0123",
	} {
		if got, err := parseValueFrom(nil, s); err == nil {
			t.Errorf("%q is %+v", s, got)
		} else {
			wantRefusal(t, err, "")
		}
	}
}

func TestServiceAccounts(t *testing.T) {
	t.Parallel()
	const role = "arn:aws:iam::1:role/team/reader"
	cases := map[string]struct {
		accounts map[string]string
		role     string
		want     string
	}{
		"none without a table":            {nil, role, ""},
		"none without a role":             {map[string]string{"*": "a"}, "", ""},
		"the ARN goes first":              {map[string]string{role: "a", "reader": "b", "*": "c"}, role, "a"},
		"then the role's name":            {map[string]string{"reader": "b", "*": "c"}, role, "b"},
		"then any":                        {map[string]string{"writer": "b", "*": "c"}, role, "c"},
		"a name in the place of an ARN":   {map[string]string{"reader": "b"}, "reader", "b"},
		"an account that stands for none": {map[string]string{"reader": "", "*": "c"}, role, ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := readDocument(t, "testdata/container-minimal/input.json").input()
			in.Definition = container(`,"jobRoleArn":"` + tc.role + `"`)
			made, err := onePod(in, Options{Namespace: "a", ServiceAccounts: tc.accounts})
			if err != nil {
				t.Fatal(err)
			}
			token := made.Spec.AutomountServiceAccountToken == nil
			if got := made.Spec.ServiceAccountName; got != tc.want || token != (tc.want != "") {
				t.Errorf("got %q, token %t, want %q", got, token, tc.want)
			}
		})
	}
}

func TestParseFileSystem(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]FileSystem{
		"homes":                      {Claim: "homes"},
		"nfs://nas.example.com":      {NFSServer: "nas.example.com", NFSPath: "/"},
		"nfs://10.0.0.1/export/../a": {NFSServer: "10.0.0.1", NFSPath: "/a"},
	} {
		if got, err := ParseFileSystem(s); err != nil || got != want {
			t.Errorf("%s is %+v, %v, want %+v", s, got, err, want)
		}
	}
	for _, s := range []string{"", "A", "nfs:", "nfs:///a", "nfs://a:2049/b", "nfs://u@a/b", "nfs://a/b?c", "http://a/b"} {
		if got, err := ParseFileSystem(s); err == nil {
			t.Errorf("%q is %+v", s, got)
		}
	}
}

func TestReferences(t *testing.T) {
	t.Parallel()
	object := func(kind ReferenceKind, name string) Reference {
		return Reference{Kind: kind, Namespace: "jobs", Name: name}
	}
	of := func(file string) batch.JobDefinition {
		return readDocument(t, "testdata/"+file+"/input.json").input().Definition
	}
	cases := map[string]struct {
		def  batch.JobDefinition
		want []Reference
	}{
		"nothing":                          {def: container("")},
		"whatever the server's network is": {def: of("eks-minimal")},
		"all that is translated": {def: of("container-translated"), want: []Reference{
			{Kind: ReferenceHostPath, Name: "/dev/fuse"},
			{Kind: ReferenceHostPath, Name: "/dev/sda"},
			{Kind: ReferenceNFS, Name: "nas.example.com:/export/b"},
			object(ReferencePersistentVolumeClaim, "homes"),
			object(ReferencePersistentVolumeClaim, "point"),
			{Kind: ReferencePrivileged},
			object(ReferenceSecret, "credentials"),
			object(ReferenceSecret, "prod-database-main"),
			object(ReferenceSecret, "registry"),
			object(ReferenceSecret, "token"),
			object(ReferenceSecret, "tools-endpoint"),
			object(ReferenceSecret, "tools-licence"),
			object(ReferenceServiceAccount, "genomics-reader"),
		}},
		"a pod's": {
			def: pod(`,"securityContext":{"privileged":true}`, `,"hostNetwork":true,"serviceAccountName":"a","imagePullSecrets":[{"name":"p"}],"volumes":[`+
				`{"name":"a","secret":{"secretName":"s"}},{"name":"b","persistentVolumeClaim":{"claimName":"c"}},{"name":"c","hostPath":{"path":"/h"}}]`),
			want: []Reference{
				{Kind: ReferenceHostNetwork},
				{Kind: ReferenceHostPath, Name: "/h"},
				object(ReferencePersistentVolumeClaim, "c"),
				{Kind: ReferencePrivileged},
				object(ReferenceSecret, "p"),
				object(ReferenceSecret, "s"),
				object(ReferenceServiceAccount, "a"),
			},
		},
		"the host's namespaces": {
			def:  ecsTask(ecsContainer("a", ""), `,"pidMode":"host","ipcMode":"host","networkMode":"host"`),
			want: []Reference{{Kind: ReferenceHostIPC}, {Kind: ReferenceHostNetwork}, {Kind: ReferenceHostPID}},
		},
		"of every node range, each once": {
			def:  nodes(3, eksRange("0", `,"serviceAccountName":"a"`), eksRange("1", `,"serviceAccountName":"b"`), eksRange("2", `,"serviceAccountName":"a"`)),
			want: []Reference{object(ReferenceServiceAccount, "a"), object(ReferenceServiceAccount, "b")},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			spec, err := Merge(tc.def, batch.Job{})
			if err != nil {
				t.Fatal(err)
			}
			got, err := References(spec, "jobs", testOptions)
			if diff := cmp.Diff(tc.want, got); diff != "" || err != nil {
				t.Errorf("mismatch (-want +got), %v:\n%s", err, diff)
			}
		})
	}
}

func TestAFileSystemThatIsMappedNoLonger(t *testing.T) {
	t.Parallel()
	in := readDocument(t, "testdata/container-translated/input.json").input()
	_, err := Pods(in, Options{Namespace: "a"})
	wantRefusal(t, err, `containerProperties.volumes[0].efsVolumeConfiguration.fileSystemId: "fs-1" is not known to this server`)
}
