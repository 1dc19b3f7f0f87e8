// SPDX-License-Identifier: Apache-2.0

package podspec

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/muster-batch/muster/queue-api/awsapi"
)

// TestWhatIsAcceptedBecomesAPod draws documents out of words of which each is right or wrong somewhere, so that many are
// accepted and many just not.
func TestWhatIsAcceptedBecomesAPod(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			accepted := 0
			rapid.Check(t, func(r *rapid.T) {
				if checkDocument(r, drawDocument(t, r, kind)) {
					accepted++
				}
			})
			if accepted == 0 {
				t.Error("no document was accepted, so nothing was tested")
			}
		})
	}
}

// TestPodsAreDeterministic: creating them twice is harmless only if both are the same.
func TestPodsAreDeterministic(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		in := drawDocument(t, r, rapid.SampledFrom(kinds[:]).Draw(r, "kind")).input()
		first, err := Pods(in, testOptions)
		again, errAgain := Pods(in, testOptions)
		if (err == nil) != (errAgain == nil) {
			r.Fatalf("%v, then %v", err, errAgain)
		}
		if diff := cmp.Diff(first, again); diff != "" {
			r.Fatalf("pods differ:\n%s", diff)
		}
		names := map[string]bool{}
		for _, p := range first {
			names[p.Name] = true
		}
		if len(names) != len(first) {
			r.Fatalf("%d pods have %d names", len(first), len(names))
		}
	})
}

// TestMergingSharesNoMemory: whatever is done to one result shows neither in the arguments nor in the next.
func TestMergingSharesNoMemory(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		in := drawDocument(t, r, rapid.SampledFrom(kinds[:]).Draw(r, "kind")).input()
		spec, err := Merge(in.Definition, in.Job)
		if err != nil {
			return
		}
		before := marshal(t, []any{in, spec})
		changed, _ := Merge(in.Definition, in.Job)
		scramble(reflect.ValueOf(&changed))
		again, _ := Merge(in.Definition, in.Job)
		if after := marshal(t, []any{in, again}); string(before) != string(after) {
			r.Fatalf("%s\nbecame\n%s", before, after)
		}
	})
}

// TestSegmentsAreWhatEachNodeSays compares the layout of ranges with looking at every node by itself.
func TestSegmentsAreWhatEachNodeSays(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		n := rapid.IntRange(1, 12).Draw(r, "nodes")
		p := &awsapi.NodeProperties{NumNodes: &n, MainNode: new(0)}
		var ranges []nodeRange
		for range rapid.IntRange(0, 5).Draw(r, "ranges") {
			target := rapid.StringMatching(`([0-9]|1[0-3])?:?([0-9]|1[0-3])?`).Draw(r, "target")
			one, ok := parseTargetNodes(target)
			if !ok {
				continue
			}
			ranges = append(ranges, one)
			p.NodeRangeProperties = append(p.NodeRangeProperties, awsapi.NodeRangeProperty{TargetNodes: &target})
		}
		next := 0
		for _, seg := range segments(p) {
			if seg.from != next || seg.to <= seg.from {
				r.Fatalf("%+v does not follow %d", seg, next)
			}
			next = seg.to
			for node := seg.from; node < seg.to; node++ {
				if want := innermost(ranges, node, n); want != seg.property {
					r.Fatalf("node %d has property %d, want %d", node, seg.property, want)
				}
			}
		}
		if next != n {
			r.Fatalf("the segments end at %d of %d", next, n)
		}
	})
}

var kinds = [...]string{"containerProperties", "ecsProperties", "eksProperties", "nodeProperties"}

func drawDocument(t *testing.T, r *rapid.T, kind string) document {
	t.Helper()
	var d document
	switch kind {
	case "containerProperties":
		if rapid.IntRange(1, 4).Draw(r, "platform") == 1 {
			d.Definition.PlatformCapabilities = []string{"FARGATE"}
		}
		d.Definition.ContainerProperties = marshal(t, drawContainer(r))
		d.Job.ContainerOverrides = marshal(t, drawContainerOverride(r))
	case "ecsProperties":
		d.Definition.ECSProperties = marshal(t, drawTask(r))
		d.Job.ECSOverrides = marshal(t, drawTaskOverride(r))
	case "eksProperties":
		d.Definition.EKSProperties = marshal(t, object{"podProperties": drawPod(r)})
		d.Job.EKSOverrides = marshal(t, object{"podProperties": drawPodOverride(r)})
	case "nodeProperties":
		d.Definition.Type = "multinode"
		d.Definition.NodeProperties = marshal(t, drawNodes(r))
		d.Job.NodeOverrides = marshal(t, drawNodeOverrides(r))
	}
	d.Job.Parameters = map[string]string{"a": drawWord(r), "": "b"}
	return d
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
	if rapid.IntRange(1, n).Draw(r, name) == (n+1)/2 {
		o[name] = v()
	}
}

type words []string

// one draws a right word, and about one time in thirty a wrong one: rapid prefers the ends of a range.
func one(r *rapid.T, right words, wrong ...string) string {
	if len(wrong) > 0 && rapid.IntRange(1, 20).Draw(r, "wrong") == 11 {
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
	rarely(r, o, "volumes", 2, func() any { return drawVolumes(r) })
	rarely(r, o, "secrets", 3, func() any { return drawSecrets(r) })
	rarely(r, o, "executionRoleArn", 1, func() any { return "arn:aws:iam::1:role/e" })
	rarely(r, o, "runtimePlatform", 4, func() any {
		return object{"cpuArchitecture": one(r, words{"ARM64", ""}, "RISCV"), "operatingSystemFamily": one(r, words{"LINUX", ""}, "WINDOWS")}
	})
	rarely(r, o, "mountPoints", 5, func() any {
		return drawList(r, 2, func() any {
			return object{"sourceVolume": one(r, words{"a", "a", "a", "a", "B_1"}), "containerPath": drawPath(r)}
		})
	})
	rarely(r, o, "linuxParameters", 5, func() any {
		return object{
			"sharedMemorySize": max(-1, rapid.IntRange(-9, 9).Draw(r, "size")*rapid.IntRange(0, 1).Draw(r, "given")),
			"devices": drawList(r, 1, func() any {
				return object{"hostPath": one(r, words{"/dev/fuse"}, "fuse"), "containerPath": one(r, words{"", "/dev/a"}, "a")}
			}),
			"tmpfs": drawList(r, 1, func() any {
				return object{"containerPath": drawPath(r), "size": 1 + rapid.IntRange(-1, 19).Draw(r, "size")}
			}),
		}
	})
	return o
}

func drawSecrets(r *rapid.T) []any {
	return drawList(r, 2, func() any {
		return object{
			"name":      one(r, words{"S1", "S2", "S3", "S4", "S5"}, "A", "AWS_BATCH_A", ""),
			"valueFrom": one(r, words{"a", "/a/b", "a:b", "arn:aws:secretsmanager:r:1:secret:a-AbCdEf:k::"}, "", ":", "é", "arn:aws:s3:::b"),
		}
	})
}

func drawTask(r *rapid.T) object {
	names := words{"a", "B_1", "c"}
	containers := []any{}
	for i := range rapid.IntRange(1, 3).Draw(r, "containers") {
		c := drawContainer(r)
		delete(c, "vcpus")
		delete(c, "memory")
		delete(c, "volumes")
		c["name"] = one(r, names[i:i+1], "a", "", "é")
		c["resourceRequirements"] = []any{object{"type": "VCPU", "value": "1"}, object{"type": "MEMORY", "value": "8"}}
		rarely(r, c, "essential", 2, func() any { return rapid.Bool().Draw(r, "essential") })
		rarely(r, c, "stopTimeout", 5, func() any { return rapid.IntRange(1, 200).Draw(r, "stop") })
		rarely(r, c, "dependsOn", 3, func() any {
			return []any{object{"containerName": one(r, names, "d"), "condition": one(r, words{"START", "COMPLETE", "SUCCESS"}, "HEALTHY")}}
		})
		containers = append(containers, c)
	}
	task := object{"containers": containers}
	rarely(r, task, "volumes", 2, func() any { return drawVolumes(r) })
	rarely(r, task, "pidMode", 4, func() any { return one(r, words{"host", "task"}, "none") })
	rarely(r, task, "ipcMode", 4, func() any { return one(r, words{"host", "task"}, "none") })
	rarely(r, task, "taskRoleArn", 4, func() any { return one(r, words{"genomics", "arn:aws:iam::1:role/a/genomics", "b"}) })
	return object{"taskProperties": []any{task}}
}

func drawTaskOverride(r *rapid.T) object {
	o := drawContainerOverride(r)
	o["name"] = one(r, words{"a"}, "b-1", "d")
	return object{"taskProperties": drawList(r, 1, func() any { return object{"containers": []any{o}} })}
}

func drawNodes(r *rapid.T) object {
	kind := rapid.IntRange(0, 2).Draw(r, "kind")
	ranges := []any{}
	for _, target := range []string{one(r, words{":", "0:"}, "1:", "x"), one(r, words{"0", "1:1", "1:"}, "5", "0:9")} {
		o := object{"targetNodes": target}
		switch kind {
		case 0:
			o["container"] = drawContainer(r)
		case 1:
			o["ecsProperties"] = drawTask(r)
		case 2:
			o["eksProperties"] = object{"podProperties": drawPod(r)}
		}
		rarely(r, o, "instanceTypes", 3, func() any { return []any{one(r, words{"c5.large"}, "m5.large", "é")} })
		rarely(r, o, "consumableResourceProperties", 3, func() any {
			return object{"consumableResourceList": []any{object{"consumableResource": one(r, words{"a", "b"}, ""), "quantity": rapid.IntRange(0, 9).Draw(r, "quantity")}}}
		})
		ranges = append(ranges, o)
	}
	return object{"numNodes": rapid.IntRange(2, 9).Draw(r, "numNodes"), "mainNode": rapid.IntRange(0, 1).Draw(r, "mainNode"), "nodeRangeProperties": ranges}
}

func drawNodeOverrides(r *rapid.T) object {
	o := object{}
	rarely(r, o, "numNodes", 3, func() any { return rapid.IntRange(1, 20).Draw(r, "numNodes") })
	rarely(r, o, "nodePropertyOverrides", 3, func() any {
		p := object{"targetNodes": one(r, words{":", "0:", "1:1"}, "3")}
		rarely(r, p, "containerOverrides", 2, func() any { return drawContainerOverride(r) })
		return []any{p}
	})
	return o
}

func drawVolumes(r *rapid.T) []any {
	names := words{"a", "B_1", "volume-1"}
	return drawList(r, 3, func() any {
		v := object{"name": one(r, names[:1], "a", "")}
		names = names[1:]
		rarely(r, v, "host", 2, func() any { return object{"sourcePath": one(r, words{"", "/a", "/a/b"}, "a", "/..")} })
		rarely(r, v, "efsVolumeConfiguration", 8, func() any {
			return object{"fileSystemId": one(r, words{"fs-1", "fs-2"}, "fs-3"), "rootDirectory": one(r, words{"", "/", "/a", "b"}, "/../a")}
		})
		return v
	})
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
	rarely(r, o, "namespace", 6, func() any { return drawWord(r) })
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
