// SPDX-License-Identifier: Apache-2.0

//go:build integration

package manifests

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/muster-batch/muster/hack/kubetest"
)

const system = "muster-system"

// kustomizations are all that somebody may apply: the overlays, and one of ha with the daemon of nodes of EC2.
func kustomizations(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{"with node-notices": kustomization(t, "resources: [OVERLAYS/ha]\ncomponents: [OVERLAYS/../components/node-notices]\n")}
	dirs, err := filepath.Glob("overlays/*")
	if err != nil || len(dirs) == 0 {
		t.Fatalf("no overlays: %v", err)
	}
	for _, dir := range dirs {
		found[filepath.Base(dir)] = dir
	}
	return found
}

// kustomization makes one of its own in a directory of its own; OVERLAYS stands for the overlays' directory.
func kustomization(t *testing.T, text string) string {
	t.Helper()
	overlays, err := filepath.Abs("overlays")
	if err != nil {
		t.Fatal(err)
	}
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	relative, err := filepath.Rel(dir, overlays)
	if err != nil {
		t.Fatal(err)
	}
	text = string(bytes.ReplaceAll([]byte(text), []byte("OVERLAYS"), []byte(relative)))
	if err := os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// rendered are the objects of a kustomization.
type rendered []runtime.Object

// render renders all kustomizations.
func render(t *testing.T) map[string]rendered {
	t.Helper()
	var (
		all      = map[string]rendered{}
		mu       sync.Mutex // guards all
		building sync.WaitGroup
	)
	for name, dir := range kustomizations(t) {
		building.Go(func() {
			out, err := kubetest.Command(kubetest.Binary(t, "kubernetes-v*", "kubectl"), "kustomize", dir).Output()
			if err != nil {
				t.Errorf("render %s: %v", name, err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			all[name] = parse(t, out)
		})
	}
	building.Wait()
	return all
}

// parse refuses fields that Kubernetes does not have.
func parse(t *testing.T, text []byte) rendered {
	t.Helper()
	decoder := scheme.Codecs.UniversalDeserializer()
	var objects rendered
	documents := yaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(text)))
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return objects
		}
		if err != nil {
			t.Error(err)
			return nil
		}
		object, _, err := decoder.Decode(document, nil, nil)
		if err != nil {
			t.Errorf("%v in\n%s", err, document)
			continue
		}
		objects = append(objects, object)
	}
}

// of are the objects of one kind.
func of[T runtime.Object](r rendered) []T {
	var found []T
	for _, o := range r {
		if one, ok := o.(T); ok {
			found = append(found, one)
		}
	}
	return found
}

// workload is a Deployment or a DaemonSet.
type workload struct {
	metav1.ObjectMeta
	template corev1.PodTemplateSpec
	replicas int32 // 0: one on each node
}

func (r rendered) workloads() []workload {
	var found []workload
	for _, d := range of[*appsv1.Deployment](r) {
		w := workload{d.ObjectMeta, d.Spec.Template, 1}
		if d.Spec.Replicas != nil {
			w.replicas = *d.Spec.Replicas
		}
		found = append(found, w)
	}
	for _, d := range of[*appsv1.DaemonSet](r) {
		found = append(found, workload{d.ObjectMeta, d.Spec.Template, 0})
	}
	return found
}
