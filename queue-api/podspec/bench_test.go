// SPDX-License-Identifier: Apache-2.0

package podspec

import "testing"

func BenchmarkMerge(b *testing.B) {
	in := readDocument(b, "testdata/container-overrides/input.json").input()
	b.ReportAllocs()
	for b.Loop() {
		spec, err := Merge(in.Definition, in.Job)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := spec.Requests(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPodsOfThousandNodes(b *testing.B) {
	in := readDocument(b, "testdata/nodes-container/input.json").input()
	in.Definition = nodes(1000, containerRange("0", ""), containerRange("1:", ""))
	in.Job.NodeOverrides = nil
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Pods(in, testOptions); err != nil {
			b.Fatal(err)
		}
	}
}
