// SPDX-License-Identifier: Apache-2.0

package podspec

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"pgregory.net/rapid"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

func TestPodNameIsOfOneAttempt(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		type attempt struct {
			job    string
			number int
		}
		draw := func(label string) attempt {
			return attempt{
				job:    rapid.StringMatching(`[0-9a-f]{8}(:[0-9]{1,4})?`).Draw(t, label+" job"),
				number: rapid.IntRange(1, 10).Draw(t, label+" attempt"),
			}
		}
		a, b := draw("first"), draw("second")
		nameA, nameB := PodName(a.job, a.number), PodName(b.job, b.number)
		if (a == b) != (nameA == nameB) {
			t.Fatalf("%v is %s, %v is %s", a, nameA, b, nameB)
		}
		text, found := strings.CutPrefix(nameA, "aws-batch.")
		if id, err := uuid.Parse(text); !found || err != nil || id.Version() != 3 {
			t.Fatalf("%s is not aws-batch.<version 3 UUID>", nameA)
		}
	})
}

// onePod makes the pod of a job that has only one.
func onePod(in Input, opts Options) (*corev1.Pod, error) {
	pods, err := Pods(in, opts)
	if err != nil {
		return nil, err
	}
	return pods[0], nil
}

func TestPodNeedsWhatOnlyTheServerKnows(t *testing.T) {
	t.Parallel()
	in := readDocument(t, "testdata/container-minimal/input.json").input()
	if _, err := onePod(in, Options{}); err == nil {
		t.Error("a pod without a namespace was made")
	}
	in.Environment.UUID = ""
	if _, err := onePod(in, testOptions); err == nil {
		t.Error("a pod of no compute environment was made")
	}
}

func TestNamespace(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		definition  string
		environment *batch.EKSConfiguration
		want        string
	}{
		"the definition's goes first": {`,"metadata":{"namespace":"own"}`, &batch.EKSConfiguration{Namespace: "env"}, "own"},
		"then the environment's":      {"", &batch.EKSConfiguration{Namespace: "env"}, "env"},
		"then the server's":           {"", nil, "muster-jobs"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := readDocument(t, "testdata/eks-minimal/input.json").input()
			in.Definition = pod(`,"resources":{"limits":{"cpu":"1","memory":"8Mi"}}`, tc.definition)
			in.Environment.EKS = tc.environment
			got, err := onePod(in, testOptions)
			if err != nil || got.Namespace != tc.want {
				t.Errorf("got %v, %v, want %s", got, err, tc.want)
			}
		})
	}
}

func TestNetwork(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		hostNetwork *bool
		dnsPolicy   *string
		options     Options
		wantHost    bool
		wantDNS     corev1.DNSPolicy
	}{
		"the server's default is the host's network": {nil, nil, Options{HostNetwork: true}, true, corev1.DNSClusterFirstWithHostNet},
		"the server may say otherwise":               {nil, nil, Options{}, false, corev1.DNSClusterFirst},
		"a definition may say otherwise":             {new(false), nil, Options{HostNetwork: true}, false, corev1.DNSClusterFirst},
		"a definition may ask for it":                {new(true), nil, Options{}, true, corev1.DNSClusterFirstWithHostNet},
		"its DNS policy stands":                      {nil, new("Default"), Options{HostNetwork: true}, true, corev1.DNSDefault},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var spec corev1.PodSpec
			setNetwork(&spec, tc.hostNetwork, tc.dnsPolicy, tc.options)
			if spec.HostNetwork != tc.wantHost || spec.DNSPolicy != tc.wantDNS {
				t.Errorf("got %t, %s, want %t, %s", spec.HostNetwork, spec.DNSPolicy, tc.wantHost, tc.wantDNS)
			}
		})
	}
}

func TestLiteral(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]string{
		"":            "",
		"plain":       "plain",
		"$":           "$",
		"$HOME":       "$HOME",
		"${HOME}":     "${HOME}",
		"$(HOME)":     "$$(HOME)",
		"$$":          "$$$",
		"$$(A) $(B)":  "$$$$(A) $$(B)",
		"é$(é)":       "é$$(é)",
		"$é":          "$$é",
		"$((1 + $A))": "$$((1 + $A))",
	} {
		if got := literal(s); got != want {
			t.Errorf("literal(%q) = %q, want %q", s, got, want)
		}
	}
}

func TestQueueLabelIsALabelOfItsOwn(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringMatching(`[A-Za-z0-9][A-Za-z0-9_-]{0,127}`)
		a, b := name.Draw(t, "a"), name.Draw(t, "b")
		if errs := validation.IsValidLabelValue(QueueLabel(a)); len(errs) > 0 {
			t.Fatalf("%s becomes %s: %v", a, QueueLabel(a), errs)
		}
		if a != b && QueueLabel(a) == QueueLabel(b) {
			t.Fatalf("%s and %s are both %s", a, b, QueueLabel(a))
		}
	})
	if got := QueueLabel("high-priority"); got != "high-priority" {
		t.Errorf("a short name became %s", got)
	}
}

func TestRecordSurvives(t *testing.T) {
	t.Parallel()
	in := readDocument(t, "testdata/container-overrides/input.json").input()
	in.Job.Tags = map[string]string{"a": "<b> & c"}
	in.Job.Timeout = time.Hour
	in.Job.PropagateTags = new(true)
	in.Job.Requests = batch.Requests{MilliVCPU: 250, MemoryMiB: 128, GPU: 2}
	in.Job.RetryStrategy = &batch.RetryStrategy{Attempts: 3, EvaluateOnExit: []batch.EvaluateOnExit{
		{OnStatusReason: "Host EC2*", Action: "retry"}, {OnReason: "*", Action: "EXIT"},
	}}
	in.Job.ContainerOverrides = json.RawMessage(`{"vcpus":1}`)
	in.Job.ShareIdentifier, in.Job.SchedulingPriority = "team", 7
	in.Job.DependsOn = []batch.Dependency{{JobID: testJobID}, {Type: batch.DependencySequential}}
	in.Job.Consumables = []batch.ConsumableRequirement{{Name: "licence", Quantity: 3}}
	in.Job.ArraySize, in.Job.ArrayIndex = 4, new(2)
	in.Job.ID = batch.ChildID(testJobID, 2)
	made, err := onePod(in, testOptions)
	if err != nil {
		t.Fatal(err)
	}
	got, err := ReadRecord(made.Annotations[batchmeta.Job])
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Record{Job: in.Job, Environment: "env", Attempt: 2}, got); diff != "" {
		t.Errorf("record mismatch (-want +got):\n%s", diff)
	}
}

func TestPodSaysHowLongItsAttemptMayTake(t *testing.T) {
	t.Parallel()
	in := readDocument(t, "testdata/nodes-eks/input.json").input()
	for timeout, want := range map[time.Duration]string{0: "", time.Minute: "60", 90*time.Minute + 500*time.Millisecond: "5400"} {
		in.Job.Timeout = timeout
		pods, err := Pods(in, testOptions)
		if err != nil {
			t.Fatal(err)
		}
		for i, p := range pods {
			if got := p.Annotations[batchmeta.AttemptDuration]; got != want {
				t.Errorf("timeout %v: node %d says %q, want %q", timeout, i, got, want)
			}
		}
	}
}

func TestTheMainNodeKeepsTheRecord(t *testing.T) {
	t.Parallel()
	in := readDocument(t, "testdata/nodes-eks/input.json").input()
	in.Job.NumNodes, in.Job.MainNode = 3, 1
	pods, err := Pods(in, testOptions)
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range pods {
		got, err := ReadRecord(p.Annotations[batchmeta.Job])
		if err != nil || got.Node == nil || *got.Node != i || got.Job.NumNodes != 3 || got.Job.MainNode != 1 {
			t.Errorf("node %d: got %+v, %v", i, got, err)
		}
		if whole := got.Job.NodeOverrides != nil; whole != (i == 1) || got.Partial == whole {
			t.Errorf("node %d: whole %t, partial %t", i, whole, got.Partial)
		}
	}
}

func TestRecordIsBounded(t *testing.T) {
	t.Parallel()
	in := readDocument(t, "testdata/container-minimal/input.json").input()
	in.Job.Parameters = map[string]string{"a": strings.Repeat("b", maxRecordBytes)}
	text, err := writeRecord(in, member{})
	if err != nil || len(text) > maxRecordBytes {
		t.Fatalf("got %d bytes, %v", len(text), err)
	}
	got, err := ReadRecord(text)
	if err != nil {
		t.Fatal(err)
	}
	if !got.Partial || got.Job.ID != testJobID || got.Job.Parameters != nil {
		t.Errorf("got %+v", got)
	}
}

func TestReadRecordRefuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "null", "{", "{}", `{"version":2}`, `{"version":1,"definition":"a:b"}`, `{"version":1,"attempt":"1"}`} {
		if got, err := ReadRecord(text); err == nil {
			t.Errorf("ReadRecord(%q) = %+v", text, got)
		}
	}
}

func TestShape(t *testing.T) {
	t.Parallel()
	of := func(change func(*Input)) string {
		in := readDocument(t, "testdata/eks-minimal/input.json").input()
		change(&in)
		made, err := onePod(in, testOptions)
		if err != nil {
			t.Fatal(err)
		}
		return made.Labels[batchmeta.Shape]
	}
	define := func(cpu, podMembers string) func(*Input) {
		return func(in *Input) {
			in.Definition = pod(`,"resources":{"limits":{"cpu":"`+cpu+`","memory":"1024Mi"}}`, podMembers)
		}
	}
	base := of(func(*Input) {})
	same := map[string]func(*Input){
		"another job":         func(in *Input) { in.Job.ID, in.Attempt, in.Rank = "00002c5e-7a0b-4c1d-9e2f-0123456789ab", 1, "1" },
		"another namespace":   func(in *Input) { in.Environment.EKS = &batch.EKSConfiguration{Namespace: "other"} },
		"another queue":       func(in *Input) { in.Job.Queue = "other" },
		"another spelling":    define("1.0", ""),
		"another volume":      define("1", `,"volumes":[{"name":"a","emptyDir":{}}]`),
		"a small init":        define("1", `,"initContainers":[{"name":"a","image":"b","resources":{"limits":{"cpu":"0.5"}}}]`),
		"another DNS policy":  define("1", `,"dnsPolicy":"Default"`),
		"no network of hosts": define("1", `,"hostNetwork":false`),
	}
	for name, change := range same {
		if got := of(change); got != base {
			t.Errorf("%s has shape %s, want %s", name, got, base)
		}
	}
	different := map[string]func(*Input){
		"another environment": func(in *Input) { in.Environment.UUID = "5e1f2f3c-0000-4000-8000-000000000002" },
		"more cpu":            define("1.25", ""),
		"a large init":        define("1", `,"initContainers":[{"name":"a","image":"b","resources":{"limits":{"cpu":"2"}}}]`),
		"a claim":             define("1", `,"volumes":[{"name":"a","persistentVolumeClaim":{"claimName":"b"}}]`),
	}
	for name, change := range different {
		if got := of(change); got == base {
			t.Errorf("%s has the same shape", name)
		}
	}
}

// While traces are sent, every container knows the span that it is below, unless its definition names another one.
func TestContainersKnowTheirTrace(t *testing.T) {
	t.Parallel()
	const parent = "00-00001234567840000000000000000001-0123456789abcdef-01"
	in := readDocument(t, "testdata/container-minimal/input.json").input()
	named := func(pod *corev1.Pod) (last string) {
		for _, e := range pod.Spec.Containers[0].Env {
			if e.Name == "TRACEPARENT" {
				last = e.Value
			}
		}
		return last
	}
	pod, err := onePod(in, testOptions)
	if err != nil {
		t.Fatal(err)
	}
	shape := pod.Labels[batchmeta.Shape]
	if _, ok := pod.Annotations[batchmeta.Traceparent]; ok || named(pod) != "" {
		t.Error("a pod is in a trace that nobody asked for")
	}
	in.Traceparent = parent
	if pod, err = onePod(in, testOptions); err != nil {
		t.Fatal(err)
	}
	if pod.Annotations[batchmeta.Traceparent] != parent || named(pod) != parent || pod.Labels[batchmeta.Shape] != shape {
		t.Errorf("annotation %q, variable %q, shape %s", pod.Annotations[batchmeta.Traceparent], named(pod), pod.Labels[batchmeta.Shape])
	}
}
