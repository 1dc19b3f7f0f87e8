// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
)

// stringList is one string or several, as policies have them.
type stringList []string

func (l *stringList) UnmarshalJSON(doc []byte) error {
	var one string
	if json.Unmarshal(doc, &one) == nil {
		*l = stringList{one}
		return nil
	}
	return json.Unmarshal(doc, (*[]string)(l))
}

type policyStatement struct {
	Sid       string
	Action    stringList
	Resource  stringList
	Condition map[string]map[string]stringList
}

func readPolicy(t *testing.T) []policyStatement {
	t.Helper()
	doc, err := os.ReadFile(filepath.Join("..", "..", "..", "manifests", "overlays", "eks", "policy.json"))
	if err != nil {
		t.Fatal(err)
	}
	var policy struct{ Statement []policyStatement }
	if err := json.Unmarshal(doc, &policy); err != nil {
		t.Fatal(err)
	}
	return policy.Statement
}

func TestPolicyAllowsWhatTheFleetCalls(t *testing.T) {
	t.Parallel()
	wanted := []string{
		"ssm:GetParameter", "servicequotas:GetServiceQuota", "eks:DescribeCluster", "ec2:RunInstances", "ec2:CreateTags", "iam:PassRole",
		"sqs:GetQueueUrl", "sqs:ReceiveMessage", "sqs:DeleteMessage", "pricing:GetProducts",
	}
	for method := range reflect.TypeFor[API]().Methods() {
		wanted = append(wanted, "ec2:"+method.Name)
	}
	var allowed []string
	for _, s := range readPolicy(t) {
		allowed = append(allowed, s.Action...)
	}
	for _, action := range wanted {
		if !slices.Contains(allowed, action) {
			t.Errorf("the policy does not allow %s", action)
		}
	}
	for _, action := range allowed {
		if !slices.Contains(wanted, action) {
			t.Errorf("the policy allows %s, which is never called", action)
		}
	}
}

// What makes or ends something is allowed for things tagged with the cluster alone.
func TestPolicyIsConfinedToTheCluster(t *testing.T) {
	t.Parallel()
	for _, s := range readPolicy(t) {
		ends := slices.Contains(s.Action, "ec2:TerminateInstances")
		makes := slices.ContainsFunc(s.Resource, func(r string) bool { return r == "arn:aws:ec2:*:*:instance/*" })
		tags := s.Condition["StringEquals"]
		switch {
		case ends && len(tags["aws:ResourceTag/"+tagCluster]) == 0:
			t.Errorf("%s lets end what is not tagged", s.Sid)
		case makes && !ends && len(tags["aws:RequestTag/"+tagCluster]) == 0:
			t.Errorf("%s lets make what is not tagged", s.Sid)
		}
	}
}
