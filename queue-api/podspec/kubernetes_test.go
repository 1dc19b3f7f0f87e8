// SPDX-License-Identifier: Apache-2.0

package podspec

import (
	corev1 "k8s.io/api/core/v1"
	podutil "k8s.io/kubernetes/pkg/api/pod"
	"k8s.io/kubernetes/pkg/apis/core"
	corev1conversion "k8s.io/kubernetes/pkg/apis/core/v1"
	"k8s.io/kubernetes/pkg/apis/core/validation"
	"k8s.io/kubernetes/pkg/capabilities"
)

// checkCreation holds a pod to what an API server that allows privileged containers checks when it is created.
func checkCreation(t reporter, pod *corev1.Pod) {
	t.Helper()
	capabilities.Setup(true, 0) // the first call counts
	pod = pod.DeepCopy()
	corev1conversion.SetObjectDefaults_Pod(pod)
	var internal core.Pod
	if err := corev1conversion.Convert_v1_Pod_To_core_Pod(pod, &internal, nil); err != nil {
		t.Errorf("convert pod: %v", err)
		return
	}
	opts := podutil.GetValidationOptionsFromPodSpecAndMeta(&internal.Spec, nil, &internal.ObjectMeta, nil)
	if errs := validation.ValidatePodCreate(&internal, opts); len(errs) > 0 {
		t.Errorf("Kubernetes refuses the pod: %v", errs.ToAggregate())
	}
}
