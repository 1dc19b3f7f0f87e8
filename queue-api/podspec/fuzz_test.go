// SPDX-License-Identifier: Apache-2.0

package podspec

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// FuzzPod sends any properties and overrides all the way. Nothing panics; a refusal is the caller's fault; and what was
// accepted becomes a pod.
func FuzzPod(f *testing.F) {
	for _, file := range inputFiles(f) {
		d := readDocument(f, file)
		f.Add(d.Definition.EKSProperties != nil,
			[]byte(slices.Concat(d.Definition.EKSProperties, d.Definition.ContainerProperties)),
			[]byte(slices.Concat(d.Job.EKSOverrides, d.Job.ContainerOverrides)), "greeting", "hello")
	}
	f.Fuzz(func(t *testing.T, eks bool, properties, overrides []byte, parameter, value string) {
		var d document
		if eks {
			d.Definition.EKSProperties, d.Job.EKSOverrides = properties, overrides
		} else {
			d.Definition.ContainerProperties, d.Job.ContainerOverrides = properties, overrides
		}
		d.Job.Parameters = map[string]string{parameter: value}
		in := d.input()
		sent := bytes.Clone(properties)
		if refused(t, ValidateDefinition(in.Definition, testOptions)) {
			_, _ = Pod(in, testOptions) // must not panic, whatever it says
			return
		}
		spec, err := Merge(in.Definition, in.Job)
		if refused(t, err) {
			return
		}
		requests, err := spec.Requests()
		if refused(t, err) {
			return
		}
		made, err := Pod(in, testOptions)
		if err != nil {
			t.Fatalf("accepted, but no pod: %v", err)
		}
		checkPod(t, made, requests)
		if _, err := json.Marshal([]any{ContainerDetail(spec), EksPropertiesDetail(spec)}); err != nil {
			t.Errorf("describe: %v", err)
		}
		if !bytes.Equal(sent, properties) {
			t.Error("the definition was changed")
		}
	})
}

func FuzzReadRecord(f *testing.F) {
	f.Add(`{"version":1,"id":"a","definition":"b:1","retryStrategy":{"attempts":1,"evaluateOnExit":[{}]},"timeoutSeconds":9223372036854775807}`)
	f.Fuzz(func(_ *testing.T, text string) {
		_, _ = ReadRecord(text) // must not panic
	})
}

func refused(t *testing.T, err error) bool {
	t.Helper()
	var refusal *batch.Error
	if err != nil && !errors.As(err, &refusal) {
		t.Fatalf("refused with %T, want a *batch.Error: %v", err, err)
	}
	return err != nil
}

// reporter is what *testing.T and *rapid.T share.
type reporter interface {
	Helper()
	Errorf(format string, args ...any)
}

// checkPod holds a pod to the rules of Kubernetes that names and labels can break.
func checkPod(t reporter, pod *corev1.Pod, requests batch.Requests) {
	t.Helper()
	legal := func(what, value string, messages []string) {
		if len(messages) > 0 {
			t.Errorf("%s %q: %v", what, value, messages)
		}
	}
	legal("name", pod.Name, validation.IsDNS1123Subdomain(pod.Name))
	legal("namespace", pod.Namespace, validation.IsDNS1123Label(pod.Namespace))
	size := 0
	for key, value := range pod.Labels {
		legal("label", key, validation.IsQualifiedName(key))
		legal("label value", value, validation.IsValidLabelValue(value))
	}
	for key, value := range pod.Annotations {
		legal("annotation", key, validation.IsQualifiedName(strings.ToLower(key)))
		size += len(key) + len(value)
	}
	if size > 256<<10 {
		t.Errorf("annotations have %d bytes", size)
	}
	if _, err := ReadRecord(pod.Annotations[batchmeta.Job]); err != nil {
		t.Errorf("record: %v", err)
	}
	volumes := map[string]bool{}
	for _, v := range pod.Spec.Volumes {
		legal("volume", v.Name, validation.IsDNS1123Label(v.Name))
		if volumes[v.Name] {
			t.Errorf("volume %s is given twice", v.Name)
		}
		volumes[v.Name] = true
	}
	names := map[string]bool{}
	for _, c := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
		legal("container", c.Name, validation.IsDNS1123Label(c.Name))
		if names[c.Name] || c.Image == "" {
			t.Errorf("container %s is given twice or has no image", c.Name)
		}
		names[c.Name] = true
		for _, e := range c.Env {
			legal("variable", e.Name, validation.IsEnvVarName(e.Name))
		}
		for _, m := range c.VolumeMounts {
			if !volumes[m.Name] || m.MountPath == "" {
				t.Errorf("mount of %q at %q", m.Name, m.MountPath)
			}
		}
	}
	total := podRequests(&pod.Spec)
	cpu, memory, gpu := total[corev1.ResourceCPU], total[corev1.ResourceMemory], total[gpuResource]
	got := batch.Requests{MilliVCPU: cpu.MilliValue(), MemoryMiB: memory.Value() >> 20, GPU: gpu.Value()}
	if got != requests {
		t.Errorf("the pod requests %+v, the job %+v", got, requests)
	}
}
