// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// queueTemplate is what the tests read of the CloudFormation template of the queue.
type queueTemplate struct {
	Resources map[string]struct {
		Type       string
		Properties struct {
			QueueName    map[string]string
			EventPattern struct {
				Source     []string
				DetailType []string `json:"detail-type"`
			}
		}
	}
}

func readQueueTemplate(t *testing.T) queueTemplate {
	t.Helper()
	doc, err := os.ReadFile(filepath.Join("..", "..", "..", "manifests", "overlays", "eks", "interruption-queue.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var out queueTemplate
	if err := yaml.Unmarshal(doc, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestRulesSendWhatIsRead(t *testing.T) {
	t.Parallel()
	sent := map[eventKey]bool{}
	for name, r := range readQueueTemplate(t).Resources {
		if r.Type != "AWS::Events::Rule" {
			continue
		}
		p := r.Properties.EventPattern
		if len(p.Source) != 1 || len(p.DetailType) != 1 {
			t.Fatalf("rule %s has the pattern %+v", name, p)
		}
		key := eventKey{"0", p.Source[0], p.DetailType[0]}
		sent[key] = true
		if parsers[key] == nil {
			t.Errorf("rule %s sends what nobody reads: %v", name, key)
		}
	}
	for key := range parsers {
		if !sent[key] {
			t.Errorf("no rule sends %v", key)
		}
	}
}

// The policy allows to read the queue that the template makes, and no other.
func TestPolicyIsForTheQueueOfTheTemplate(t *testing.T) {
	t.Parallel()
	name := strings.ReplaceAll(readQueueTemplate(t).Resources["Queue"].Properties.QueueName["Fn::Sub"], "${Cluster}", "CLUSTER")
	for _, s := range readPolicy(t) {
		if !slices.Contains(s.Action, "sqs:ReceiveMessage") {
			continue
		}
		if want := (stringList{"arn:aws:sqs:*:*:" + name}); !slices.Equal(s.Resource, want) {
			t.Errorf("%s is for %v, want %v", s.Sid, s.Resource, want)
		}
		return
	}
	t.Error("the policy does not allow to read a queue")
}
