// SPDX-License-Identifier: Apache-2.0

package podspec

import (
	"encoding/json"
	"testing"

	"pgregory.net/rapid"
)

// TestWhatIsAcceptedBecomesAPod draws documents out of words of which each is right or wrong somewhere, so that many are
// accepted and many just not.
func TestWhatIsAcceptedBecomesAPod(t *testing.T) {
	t.Parallel()
	accepted := 0
	rapid.Check(t, func(r *rapid.T) {
		var d document
		if rapid.Bool().Draw(r, "eks") {
			d.Definition.EKSProperties = marshal(t, object{"podProperties": drawPod(r)})
			d.Job.EKSOverrides = marshal(t, object{"podProperties": drawPodOverride(r)})
		} else {
			d.Definition.ContainerProperties = marshal(t, drawContainer(r))
			d.Job.ContainerOverrides = marshal(t, drawContainerOverride(r))
		}
		d.Job.Parameters = map[string]string{"a": drawWord(r), "": "b"}
		in := d.input()
		if refused(t, ValidateDefinition(in.Definition, testOptions)) {
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
			r.Fatalf("accepted, but no pod: %v", err)
		}
		accepted++
		checkPod(r, made, requests)
	})
	if accepted == 0 {
		t.Error("no document was accepted, so nothing was tested")
	}
}

type object map[string]any

func marshal(t *testing.T, v any) json.RawMessage {
	t.Helper()
	doc, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// rarely gives v one time in n and nothing otherwise, which leaves the member out.
func rarely(r *rapid.T, o object, name string, n int, v func() any) {
	if rapid.IntRange(1, n).Draw(r, name) == 1 {
		o[name] = v()
	}
}

type words []string

// one draws a right word, and one time in twenty a wrong one.
func one(r *rapid.T, right words, wrong ...string) string {
	if len(wrong) > 0 && rapid.IntRange(1, 20).Draw(r, "wrong") == 20 {
		return rapid.SampledFrom(wrong).Draw(r, "word")
	}
	return rapid.SampledFrom(right).Draw(r, "word")
}

func drawWord(r *rapid.T) string {
	return one(r, words{"a", "b"}, "a-b", "default", "Default", "a.b", "A_b", "", "-a", "a/b", "é", "$(A)$$é", "Ref::a", "Ref::")
}

func drawPath(r *rapid.T) string {
	return one(r, words{"/a", "/b", "/c", "/a/b", "/a:b", "/a b", "/é"}, "/dev/shm", "/a/", "a", "/", "", "/a/../b", "..")
}

func drawImage(r *rapid.T) string {
	return one(r, words{"busybox", "a.b/c:d", "a:5000/b/c"}, "docker.io/library/a@sha256:0", "A", "a b", "")
}

func drawList(r *rapid.T, most int, item func() any) []any {
	list := []any{}
	for range rapid.IntRange(0, most).Draw(r, "length") {
		list = append(list, item())
	}
	return list
}

func drawEnv(r *rapid.T) []any {
	return drawList(r, 2, func() any {
		return object{"name": one(r, words{"A", "B", "a.b", "-"}, "..", "1", "AWS_BATCH_A", "é", "a="), "value": drawWord(r)}
	})
}

func drawRequirements(r *rapid.T) []any {
	return drawList(r, 3, func() any {
		return object{
			"type":  one(r, words{"VCPU", "MEMORY", "GPU"}),
			"value": one(r, words{"4", "8", "999999999"}, "1", "0.25", "2.0", "0", "-1", "1e9", "", "9999999999999999999"),
		}
	})
}

func drawContainer(r *rapid.T) object {
	o := object{"image": drawImage(r), "vcpus": 1, "memory": 4, "environment": drawEnv(r)}
	o["command"] = drawList(r, 2, func() any { return drawWord(r) })
	rarely(r, o, "user", 3, func() any { return one(r, words{"0", "1000:1000", "2147483647", ""}, "2147483648", "a", ":1") })
	rarely(r, o, "privileged", 2, func() any { return rapid.Bool().Draw(r, "privileged") })
	rarely(r, o, "resourceRequirements", 2, func() any { return drawRequirements(r) })
	rarely(r, o, "volumes", 2, func() any {
		return drawList(r, 2, func() any {
			return object{"name": one(r, words{"a", "B_1", "volume-1"}), "host": object{"sourcePath": one(r, words{"", "/a", "/a/b"}, "a", "/..")}}
		})
	})
	rarely(r, o, "mountPoints", 2, func() any {
		return drawList(r, 2, func() any {
			return object{"sourceVolume": one(r, words{"a", "B_1", "volume-1"}), "containerPath": drawPath(r)}
		})
	})
	rarely(r, o, "linuxParameters", 2, func() any {
		return object{
			"sharedMemorySize": rapid.IntRange(-1, 9).Draw(r, "size"),
			"tmpfs": drawList(r, 1, func() any {
				return object{"containerPath": drawPath(r), "size": rapid.IntRange(0, 19).Draw(r, "size")}
			}),
		}
	})
	return o
}

func drawContainerOverride(r *rapid.T) object {
	o := object{}
	rarely(r, o, "command", 2, func() any { return drawList(r, 2, func() any { return drawWord(r) }) })
	rarely(r, o, "environment", 2, func() any { return drawEnv(r) })
	rarely(r, o, "resourceRequirements", 2, func() any { return drawRequirements(r) })
	return o
}

func drawResources(r *rapid.T) any {
	list := func() object {
		o := object{}
		rarely(r, o, "cpu", 2, func() any { return one(r, words{"1", "0.5"}, "2", "1m", "") })
		rarely(r, o, "memory", 2, func() any { return one(r, words{"8Mi"}, "16Mi", "1Gi", "999999999Mi") })
		rarely(r, o, "nvidia.com/gpu", 5, func() any { return one(r, words{"1"}, "2", "0") })
		rarely(r, o, "hugepages-2Mi", 20, func() any { return "2Mi" })
		return o
	}
	return object{"limits": list(), "requests": list()}
}

func drawMetadata(r *rapid.T) any {
	keys := func() string {
		return one(r, words{"a", "a.b/c", "app.kubernetes.io/name"}, "a/b/c", "é", "", "muster.sh/gang", "k8s.io/a",
			"seccomp.security.alpha.kubernetes.io/pod", "controller.kubernetes.io/pod-deletion-cost")
	}
	o := object{}
	rarely(r, o, "labels", 2, func() any { return object{keys(): drawWord(r)} })
	rarely(r, o, "annotations", 2, func() any { return object{keys(): drawWord(r)} })
	rarely(r, o, "namespace", 2, func() any { return drawWord(r) })
	return o
}

func drawEKSContainer(r *rapid.T) any {
	o := object{"image": drawImage(r), "env": drawEnv(r), "resources": drawResources(r)}
	rarely(r, o, "name", 2, func() any { return drawWord(r) })
	rarely(r, o, "imagePullPolicy", 4, func() any { return one(r, words{"Always", "Never", ""}, "never") })
	rarely(r, o, "args", 2, func() any { return drawList(r, 2, func() any { return drawWord(r) }) })
	rarely(r, o, "volumeMounts", 2, func() any {
		return drawList(r, 2, func() any {
			return object{"name": drawWord(r), "mountPath": drawPath(r), "subPath": one(r, words{"", "a", "a/b"}, "/a", "a/..")}
		})
	})
	rarely(r, o, "securityContext", 3, func() any {
		return object{
			"privileged": rapid.Bool().Draw(r, "privileged"), "allowPrivilegeEscalation": rapid.Bool().Draw(r, "escalation"),
			"runAsUser": rapid.Int64Range(0, 5).Draw(r, "uid"), "runAsNonRoot": rapid.Bool().Draw(r, "nonRoot"),
		}
	})
	return o
}

func drawPod(r *rapid.T) object {
	o := object{"containers": append(drawList(r, 1, func() any { return drawEKSContainer(r) }), drawEKSContainer(r))}
	rarely(r, o, "initContainers", 3, func() any { return drawList(r, 1, func() any { return drawEKSContainer(r) }) })
	rarely(r, o, "metadata", 2, func() any { return drawMetadata(r) })
	rarely(r, o, "serviceAccountName", 3, func() any { return drawWord(r) })
	rarely(r, o, "dnsPolicy", 4, func() any { return one(r, words{"Default", "ClusterFirst", "ClusterFirstWithHostNet", ""}, "None") })
	rarely(r, o, "hostNetwork", 2, func() any { return rapid.Bool().Draw(r, "hostNetwork") })
	rarely(r, o, "shareProcessNamespace", 2, func() any { return rapid.Bool().Draw(r, "share") })
	rarely(r, o, "imagePullSecrets", 4, func() any { return []any{object{"name": drawWord(r)}} })
	rarely(r, o, "volumes", 1, func() any {
		return drawList(r, 2, func() any {
			return object{"name": drawWord(r), one(r, words{"hostPath", "emptyDir", "secret", "persistentVolumeClaim"}, "nfs"): object{
				"path": drawPath(r), "secretName": drawWord(r), "claimName": drawWord(r),
				"medium": one(r, words{"", "Memory"}, "HugePages"), "sizeLimit": one(r, words{"1Gi", "0", "1.5G", "999999999999999E"}, "1m"),
			}}
		})
	})
	return o
}

func drawPodOverride(r *rapid.T) object {
	o := object{}
	rarely(r, o, "metadata", 2, func() any { return drawMetadata(r) })
	rarely(r, o, "containers", 2, func() any {
		c := object{"env": drawEnv(r)}
		rarely(r, c, "name", 2, func() any { return drawWord(r) })
		rarely(r, c, "image", 2, func() any { return drawImage(r) })
		rarely(r, c, "resources", 2, func() any { return drawResources(r) })
		return []any{c}
	})
	return o
}
