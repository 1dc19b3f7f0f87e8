// SPDX-License-Identifier: Apache-2.0

package podspec

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// FuzzPod sends any properties and overrides all the way. Nothing panics; a refusal is the caller's fault; and what was
// accepted becomes pods.
func FuzzPod(f *testing.F) {
	for _, file := range inputFiles(f) {
		d := readDocument(f, file)
		kind, properties, overrides := uint8(0), d.Definition.ContainerProperties, d.Job.ContainerOverrides
		switch {
		case d.Definition.EKSProperties != nil:
			kind, properties, overrides = 1, d.Definition.EKSProperties, d.Job.EKSOverrides
		case d.Definition.ECSProperties != nil:
			kind, properties, overrides = 2, d.Definition.ECSProperties, d.Job.ECSOverrides
		case d.Definition.NodeProperties != nil:
			kind, properties, overrides = 3, d.Definition.NodeProperties, d.Job.NodeOverrides
		}
		f.Add(kind, d.Definition.PlatformCapabilities != nil, []byte(properties), []byte(overrides), "greeting", "hello")
	}
	f.Fuzz(func(t *testing.T, kind uint8, onFargate bool, properties, overrides []byte, parameter, value string) {
		var d document
		switch kind % 4 {
		case 0:
			d.Definition.ContainerProperties, d.Job.ContainerOverrides = properties, overrides
		case 1:
			d.Definition.EKSProperties, d.Job.EKSOverrides = properties, overrides
		case 2:
			d.Definition.ECSProperties, d.Job.ECSOverrides = properties, overrides
		case 3:
			d.Definition.Type, d.Definition.NodeProperties, d.Job.NodeOverrides = "multinode", properties, overrides
		}
		if onFargate {
			d.Definition.PlatformCapabilities = []string{"FARGATE"}
		}
		d.Job.Parameters = map[string]string{parameter: value}
		sent := bytes.Clone(properties)
		if !checkDocument(t, d) {
			in := d.input()
			if spec, err := Merge(in.Definition, in.Job); err == nil && spec.NumNodes() <= defaultMaxNodes {
				_, _ = Pods(in, testOptions) // must not panic, whatever it says
			}
		}
		if !bytes.Equal(sent, properties) {
			t.Error("the definition was changed")
		}
	})
}

// checkDocument sends a document all the way and reports whether it was accepted.
func checkDocument(t reporter, d document) bool {
	t.Helper()
	in := d.input()
	if refused(t, ValidateDefinition(in.Definition, testOptions)) {
		return false
	}
	spec, err := Merge(in.Definition, in.Job)
	if refused(t, err) {
		return false
	}
	total, err := spec.Requests()
	if refused(t, err) || spec.NumNodes() > defaultMaxNodes {
		return false
	}
	each, err := spec.NodeRequests()
	if err != nil {
		t.Errorf("requests of all nodes, but not of each: %v", err)
	}
	if refused(t, second(Consumables(in.Definition, in.Job, nil))) {
		return false
	}
	pods, err := Pods(in, testOptions)
	if err != nil || len(pods) != len(each) {
		t.Errorf("accepted, but %d pods: %v", len(pods), err)
		return false
	}
	var sum batch.Requests
	for i, made := range pods {
		checkPod(t, made, each[i])
		sum = plus(sum, each[i])
	}
	if sum != total {
		t.Errorf("the nodes request %+v, the job %+v", sum, total)
	}
	if _, err := References(spec, "jobs", testOptions); err != nil {
		t.Errorf("references: %v", err)
	}
	details := []any{ContainerDetail(spec), EksPropertiesDetail(spec), EcsPropertiesDetail(spec), NodePropertiesDetail(spec)}
	if _, err := json.Marshal(details); err != nil {
		t.Errorf("describe: %v", err)
	}
	return true
}

func second[T any](_ T, err error) error { return err }

func FuzzReadRecord(f *testing.F) {
	f.Add(`{"version":1,"id":"a","definition":"b:1","retryStrategy":{"attempts":1,"evaluateOnExit":[{}]},"timeoutSeconds":9223372036854775807}`)
	f.Fuzz(func(_ *testing.T, text string) {
		_, _ = ReadRecord(text) // must not panic
	})
}

func FuzzParseTargetNodes(f *testing.F) {
	for _, s := range []string{"0:3", "1:", ":3", ":", "0", "", "a", "-1:", "+1", "3:1", "99999999999999999999"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, ok := parseTargetNodes(s)
		if !ok {
			return
		}
		if r.first < 0 || r.last != toTheEnd && r.last < r.first || strings.Trim(s, "0123456789:") != "" {
			t.Errorf("%q is %+v", s, r)
		}
	})
}

func FuzzParseValueFrom(f *testing.F) {
	for _, s := range []string{
		"a", "a:b", "/a/b", "arn:aws:secretsmanager:r:1:secret:a-AbCdEf:k::", "arn:aws:ssm:r:1:parameter/a", "arn:", "", ":", "é", "a.-b",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := parseValueFrom(nil, s)
		if refused(t, err) {
			return
		}
		if len(validation.IsDNS1123Subdomain(got.secret)) > 0 || len(validation.IsConfigMapKey(got.key)) > 0 {
			t.Errorf("%q is %+v", s, got)
		}
	})
}

func FuzzParseFileSystem(f *testing.F) {
	for _, s := range []string{"claim", "nfs://server/path", "nfs://server", "nfs:", "nfs://[::1]/a", "nfs://a:1/b", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		fs, err := ParseFileSystem(s)
		if err == nil && (fs.Claim == "") == (fs.NFSServer == "") {
			t.Errorf("%q is %+v", s, fs)
		}
	})
}

func FuzzAmounts(f *testing.F) {
	for _, s := range []string{"1", "0.25", "1e3", "999999999", "4Mi", "1.5Gi", "-1", "", "NaN", "0x10", "1_0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if milli, ok := parseVCPU(s); ok && (milli <= 0 || milli%250 != 0 || milli > maxAmount*1000) {
			t.Errorf("%q is %d thousandths", s, milli)
		}
		if n, ok := parseWhole(s); ok && (n < 0 || n > maxAmount) {
			t.Errorf("%q is %d", s, n)
		}
		if q, ok := parseSize(s); ok && q != nil && q.Sign() < 0 {
			t.Errorf("%q is %s", s, q)
		}
	})
}

func refused(t reporter, err error) bool {
	t.Helper()
	var refusal *batch.Error
	if err != nil && !errors.As(err, &refusal) {
		t.Errorf("refused with %T, want a *batch.Error: %v", err, err)
	}
	return err != nil
}

// reporter is what *testing.T and *rapid.T share.
type reporter interface {
	Helper()
	Errorf(format string, args ...any)
}

// checkPod holds a pod to what Kubernetes accepts and to what was asked for.
func checkPod(t reporter, pod *corev1.Pod, requests batch.Requests) {
	t.Helper()
	checkCreation(t, pod)
	if _, err := ReadRecord(pod.Annotations[batchmeta.Job]); err != nil {
		t.Errorf("record: %v", err)
	}
	total := podRequests(&pod.Spec)
	cpu, memory, gpu := total[corev1.ResourceCPU], total[corev1.ResourceMemory], total[gpuResource]
	got := batch.Requests{MilliVCPU: cpu.MilliValue(), MemoryMiB: memory.Value() >> 20, GPU: gpu.Value()}
	if got != requests {
		t.Errorf("the pod requests %+v, the job %+v", got, requests)
	}
}

// FuzzSubstitute puts any parameters into any command: only whole elements that name a known one change, and once.
func FuzzSubstitute(f *testing.F) {
	f.Add("Ref::n", "xRef::n", "n", "Ref::m", "m")
	f.Add("Ref::", "Ref::Ref::", "", "v", "Ref::")
	f.Fuzz(func(t *testing.T, first, second, name, value, other string) {
		command := []string{first, second, other}
		err := substitute(command, map[string]string{name: value, other: "o"})
		if refused(t, err) {
			return
		}
		for i, was := range []string{first, second, other} {
			want := was
			switch was {
			case "Ref::" + other:
				want = "o"
			case "Ref::" + name:
				want = value
			}
			if command[i] != want {
				t.Errorf("%q became %q, want %q", was, command[i], want)
			}
		}
	})
}

// FuzzQuantity sends any amounts of what a container may ask for: what is accepted is what the pod asks for.
func FuzzQuantity(f *testing.F) {
	for _, s := range []string{"1", "0.25", "1e3", "1Ki", "-1", "1000000000000000000000", "", "0x1", "１", ".5", "1.0000000001"} {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, cpu, memory string) {
		resources, err := json.Marshal(map[string]map[string]string{"limits": {"cpu": cpu, "memory": memory}})
		if err != nil {
			t.Fatal(err)
		}
		var d document
		d.Definition.EKSProperties = []byte(`{"podProperties":{"containers":[{"image":"i","resources":` + string(resources) + `}]}}`)
		checkDocument(t, d)
	})
}
