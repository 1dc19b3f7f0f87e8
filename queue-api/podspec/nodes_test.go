// SPDX-License-Identifier: Apache-2.0

package podspec

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// nodes makes a multi-node definition of numNodes, main node 0, from its node ranges.
func nodes(numNodes int, ranges ...string) batch.JobDefinition {
	doc := fmt.Sprintf(`{"numNodes":%d,"mainNode":0,"nodeRangeProperties":[%s]}`, numNodes, strings.Join(ranges, ","))
	return batch.JobDefinition{Name: "def", Revision: 1, Type: "multinode", NodeProperties: json.RawMessage(doc)}
}

// containerRange is a node range of one vCPU and 8 MiB a node, with more members.
func containerRange(target, members string) string {
	return `{"targetNodes":"` + target + `","container":{"image":"busybox","vcpus":1,"memory":8}` + members + `}`
}

func eksRange(target, podMembers string) string {
	return `{"targetNodes":"` + target + `","eksProperties":{"podProperties":{"containers":[{"image":"busybox","resources":{"limits":{"cpu":"1","memory":"8Mi"}}}]` + podMembers + `}}}`
}

func TestParseTargetNodes(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]nodeRange{
		"0:3": {0, 3}, "2:2": {2, 2}, "1:": {1, toTheEnd}, ":3": {0, 3}, ":": {0, toTheEnd}, "0": {0, 0}, "7": {7, 7},
	} {
		if got, ok := parseTargetNodes(s); !ok || got != want {
			t.Errorf("%q is %+v %t, want %+v", s, got, ok, want)
		}
	}
	for _, s := range []string{"", "a", "-1", "1:0", "0:1:2", " 0", "0-3", "+1", "1e3", "9999999999"} {
		if got, ok := parseTargetNodes(s); ok {
			t.Errorf("%q is %+v", s, got)
		}
	}
}

// TestValidateDefinitionRefusesNodes: contract section 3.8.
func TestValidateDefinitionRefusesNodes(t *testing.T) {
	t.Parallel()
	const ranges = "nodeProperties.nodeRangeProperties"
	fargateNodes := nodes(1, containerRange(":", ""))
	fargateNodes.PlatformCapabilities = []string{"FARGATE"}
	mainNode := nodes(2, containerRange(":", ""))
	mainNode.NodeProperties = json.RawMessage(`{"numNodes":2,"mainNode":2,"nodeRangeProperties":[` + containerRange(":", "") + `]}`)
	beside := nodes(1, containerRange(":", ""))
	beside.ContainerProperties = json.RawMessage("{}")
	single := nodes(1, containerRange(":", ""))
	single.Type = "container"
	cases := map[string]struct {
		def  batch.JobDefinition
		want string
	}{
		"no nodes":                   {nodes(0, containerRange(":", "")), "nodeProperties.numNodes: must be 1 to"},
		"more nodes than allowed":    {nodes(1001, containerRange(":", "")), "nodeProperties.numNodes: must be at most 1000"},
		"more nodes than anywhere":   {nodes(2_000_000_000, containerRange(":", "")), "nodeProperties.numNodes: must be 1 to 100000"},
		"no such main node":          {mainNode, "nodeProperties.mainNode: must be 0 to 1, less than numNodes"},
		"other properties beside":    {beside, "nodeProperties and no other properties must be given when type is multinode"},
		"of type container":          {single, "nodeProperties: applies to job definitions of type multinode only"},
		"on Fargate":                 {fargateNodes, "nodeProperties not applicable for Fargate."},
		"no ranges":                  {nodes(1), ranges + ": no node range has node 0"},
		"a gap":                      {nodes(5, containerRange("0:1", ""), containerRange("3:", "")), ranges + ": no node range has node 2"},
		"a missing end":              {nodes(3, containerRange(":1", "")), ranges + ": no node range has node 2"},
		"six ranges":                 {nodes(6, containerRange("0", ""), containerRange("1", ""), containerRange("2", ""), containerRange("3", ""), containerRange("4", ""), containerRange("5", "")), ranges + ": must have at most 5 members"},
		"a bad range":                {nodes(2, containerRange("a", "")), ranges + `[0].targetNodes: "a" must be a range of nodes`},
		"a range beyond the nodes":   {nodes(2, containerRange("0:2", "")), ranges + `[0].targetNodes: "0:2" is not within the nodes 0 to 1`},
		"ranges that overlap":        {nodes(4, containerRange("0:2", ""), containerRange("1:3", "")), ranges + `[1].targetNodes: "1:3" and another range overlap`},
		"the same nodes twice":       {nodes(2, containerRange("0:1", ""), containerRange(":", "")), ranges + `[1].targetNodes: ":" is given twice`},
		"a range of nothing":         {nodes(1, `{"targetNodes":":"}`), ranges + "[0]: must have exactly one of container, ecsProperties and eksProperties"},
		"a range of two kinds":       {nodes(1, `{"targetNodes":":","container":{"image":"a"},"eksProperties":{"podProperties":{"containers":[{"image":"a"}]}}}`), ranges + "[0]: must have exactly one of"},
		"ranges of different kinds":  {nodes(2, containerRange("0", ""), eksRange("1", "")), ranges + "[1]: all node ranges must have the same kind"},
		"different namespaces":       {nodes(2, eksRange("0", ""), eksRange("1", `,"metadata":{"namespace":"a"}`)), ranges + "[1].eksProperties.podProperties.metadata.namespace: all node ranges must have the same"},
		"no pod":                     {nodes(1, `{"targetNodes":":","eksProperties":{}}`), ranges + "[0].eksProperties.podProperties: is required"},
		"no task":                    {nodes(1, `{"targetNodes":":","ecsProperties":{"taskProperties":[]}}`), ranges + "[0].ecsProperties.taskProperties: must have exactly 1 member"},
		"a container's own rules":    {nodes(2, containerRange("0", ""), `{"targetNodes":"1","container":{"image":"a","environment":[{"name":""}]}}`), ranges + "[1].container.environment[0].name: is required"},
		"a pod's own rules":          {nodes(1, eksRange(":", `,"dnsPolicy":"None"`)), ranges + "[0].eksProperties.podProperties.dnsPolicy: "},
		"a task's own rules":         {nodes(1, `{"targetNodes":":","ecsProperties":{"taskProperties":[{"containers":[{"image":"a","essential":false}]}]}}`), ranges + "[0].ecsProperties.taskProperties[0].containers: at least one must be essential"},
		"two instance types":         {nodes(1, containerRange(":", `,"instanceTypes":["a","b"]`)), ranges + "[0].instanceTypes: must have at most 1 member"},
		"different instance types":   {nodes(2, containerRange("0", `,"instanceTypes":["a"]`), containerRange("1", `,"instanceTypes":["b"]`)), ranges + `[1].instanceTypes: "b" differs from "a"`},
		"an instance type of no one": {nodes(1, containerRange(":", `,"instanceTypes":["a b"]`)), ranges + `[0].instanceTypes: "a b"`},
		"consumables":                {nodes(1, containerRange(":", `,"consumableResourceProperties":{"consumableResourceList":[{"consumableResource":"a"}]}`)), ranges + "[0].consumableResourceProperties.consumableResourceList[0].quantity: "},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantRefusal(t, ValidateDefinition(tc.def, testOptions), tc.want)
		})
	}
}

func TestValidateDefinitionAcceptsNodes(t *testing.T) {
	t.Parallel()
	many := testOptions
	many.MaxNodes = 5000
	cases := map[string]struct {
		def  batch.JobDefinition
		opts Options
	}{
		"a plain number, as redun writes it": {nodes(4, containerRange("0", ""), containerRange("1:", "")), testOptions},
		"nested ranges":                      {nodes(11, containerRange("0:10", ""), containerRange("4:5", ""), containerRange("4:4", "")), testOptions},
		"five ranges":                        {nodes(5, containerRange("0", ""), containerRange("1", ""), containerRange("2", ""), containerRange("3", ""), containerRange("4", "")), testOptions},
		"AWS Batch's most":                   {nodes(1000, containerRange(":", "")), testOptions},
		"more, where the server says so":     {nodes(5000, containerRange(":", "")), many},
		"one instance type named once":       {nodes(2, containerRange("0", `,"instanceTypes":["a"]`), containerRange("1", "")), testOptions},
		"an instance type in the container":  {nodes(1, `{"targetNodes":":","container":{"image":"a","instanceType":"c5.large"}}`), testOptions},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := ValidateDefinition(tc.def, tc.opts); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestNodeOverrides: contract sections 1.3, 3.8 and 4.10.
func TestNodeOverrides(t *testing.T) {
	t.Parallel()
	const at = "nodeOverrides."
	open := nodes(4, containerRange("0:1", ""), containerRange("2:", ""))
	closed := nodes(4, containerRange("0:1", ""), containerRange("2:3", ""))
	cases := map[string]struct {
		def       batch.JobDefinition
		overrides string
		refusal   string // or accepted:
		want      batch.Requests
	}{
		"none":                                {def: open, overrides: `{}`, want: batch.Requests{MilliVCPU: 4000, MemoryMiB: 32}},
		"more nodes":                          {def: open, overrides: `{"numNodes":10}`, want: batch.Requests{MilliVCPU: 10_000, MemoryMiB: 80}},
		"fewer nodes":                         {def: open, overrides: `{"numNodes":3}`, want: batch.Requests{MilliVCPU: 3000, MemoryMiB: 24}},
		"as many nodes of closed ranges":      {def: closed, overrides: `{"numNodes":4}`, want: batch.Requests{MilliVCPU: 4000, MemoryMiB: 32}},
		"one range's container":               {def: open, overrides: `{"nodePropertyOverrides":[{"targetNodes":"0:1","containerOverrides":{"vcpus":3}}]}`, want: batch.Requests{MilliVCPU: 8000, MemoryMiB: 32}},
		"nodes and a range together":          {def: open, overrides: `{"numNodes":5,"nodePropertyOverrides":[{"targetNodes":"2:","containerOverrides":{"memory":16}}]}`, want: batch.Requests{MilliVCPU: 5000, MemoryMiB: 64}},
		"no nodes":                            {def: open, overrides: `{"numNodes":0}`, refusal: at + "numNodes: must be 1 to"},
		"endless nodes":                       {def: open, overrides: `{"numNodes":2147483647}`, refusal: at + "numNodes: must be 1 to 100000"},
		"more nodes of closed ranges":         {def: closed, overrides: `{"numNodes":5}`, refusal: at + "numNodes: may only differ from the job definition's if that has a node range with an open upper boundary"},
		"so few that a range is empty":        {def: open, overrides: `{"numNodes":2}`, refusal: at + `numNodes: 2 nodes leave the node range "2:" without any`},
		"a range that does not exist":         {def: open, overrides: `{"nodePropertyOverrides":[{"targetNodes":"0:0"}]}`, refusal: "NodeOverride targets should match job definition. Non matching targets - 0:0"},
		"several of them":                     {def: open, overrides: `{"nodePropertyOverrides":[{"targetNodes":"0:0"},{"targetNodes":"2:"},{"targetNodes":"x"}]}`, refusal: "NodeOverride targets should match job definition. Non matching targets - 0:0, x"},
		"a range twice":                       {def: open, overrides: `{"nodePropertyOverrides":[{"targetNodes":"2:"},{"targetNodes":"2:"}]}`, refusal: at + `nodePropertyOverrides[1].targetNodes: "2:" is overridden twice`},
		"another kind":                        {def: open, overrides: `{"nodePropertyOverrides":[{"targetNodes":"2:","eksPropertiesOverride":{}}]}`, refusal: at + "nodePropertyOverrides[0].eksPropertiesOverride: does not apply to a node range with containerProperties"},
		"a container's own rules":             {def: open, overrides: `{"nodePropertyOverrides":[{"targetNodes":"2:","containerOverrides":{"command":[""]}}]}`, refusal: at + "nodePropertyOverrides[0].containerOverrides.command[0]: must not be an empty string"},
		"overrides that are too long":         {def: open, overrides: `{"nodePropertyOverrides":[{"targetNodes":"2:","containerOverrides":{"command":["` + strings.Repeat("a", 8192) + `"]}}]}`, refusal: "Container Overrides length must be at most 8192"},
		"two instance types":                  {def: open, overrides: `{"nodePropertyOverrides":[{"targetNodes":"2:","instanceTypes":["a"]},{"targetNodes":"0:1","instanceTypes":["b"]}]}`, refusal: "nodeProperties.nodeRangeProperties[1].instanceTypes: "},
		"consumables that are none":           {def: open, overrides: `{"nodePropertyOverrides":[{"targetNodes":"2:","consumableResourcePropertiesOverride":{"consumableResourceList":[{}]}}]}`, refusal: at + "nodePropertyOverrides[0].consumableResourcePropertiesOverride.consumableResourceList[0].consumableResource: "},
		"not an object":                       {def: open, overrides: `[1]`, refusal: "nodeOverrides: must not be a JSON array"},
		"for a definition of one container":   {def: container(""), overrides: `{"numNodes":1}`, refusal: "nodeOverrides: does not apply to job definition def:1, which has containerProperties"},
		"vCPU that only an override gives":    {def: nodes(1, `{"targetNodes":":","container":{"image":"a"}}`), overrides: `{"nodePropertyOverrides":[{"targetNodes":":","containerOverrides":{"vcpus":1,"memory":8}}]}`, want: batch.Requests{MilliVCPU: 1000, MemoryMiB: 8}},
		"no vCPU":                             {def: nodes(1, `{"targetNodes":":","container":{"image":"a"}}`), overrides: `{}`, refusal: "vCPU is not provided."},
		"a main node that would be no longer": {def: mainLast(), overrides: `{"numNodes":2}`, refusal: at + "numNodes: must be more than mainNode, which is 3"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			job := batch.Job{Definition: tc.def.Ref(), NodeOverrides: json.RawMessage(tc.overrides)}
			spec, err := Merge(tc.def, job)
			var got batch.Requests
			if err == nil {
				got, err = spec.Requests()
			}
			if tc.refusal != "" {
				wantRefusal(t, err, tc.refusal)
				return
			}
			if err != nil || got != tc.want {
				t.Errorf("got %+v, %v, want %+v", got, err, tc.want)
			}
		})
	}
}

func mainLast() batch.JobDefinition {
	def := nodes(4)
	def.NodeProperties = json.RawMessage(`{"numNodes":4,"mainNode":3,"nodeRangeProperties":[` + containerRange(":", "") + `]}`)
	return def
}

func TestTheInnerRangeWins(t *testing.T) {
	t.Parallel()
	image := func(target, image string) string {
		return `{"targetNodes":"` + target + `","container":{"image":"` + image + `","vcpus":1,"memory":8}}`
	}
	spec, err := Merge(nodes(6, image(":", "outer"), image("2:4", "inner"), image("3", "innermost")), batch.Job{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for i := range spec.NumNodes() {
		got = append(got, *spec.Node(i).Container.Image)
	}
	want := []string{"outer", "outer", "inner", "innermost", "inner", "outer"}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestPodsOfNodes: contract sections 7.1, 7.2 and 7.4.
func TestPodsOfNodes(t *testing.T) {
	t.Parallel()
	in := readDocument(t, "testdata/nodes-eks/input.json").input()
	pods, err := Pods(in, testOptions)
	if err != nil {
		t.Fatal(err)
	}
	gang := GangName(testJobID, 2)
	if errs := validation.IsValidLabelValue(gang); len(errs) > 0 {
		t.Errorf("%s: %v", gang, errs)
	}
	if errs := validation.IsDNS1123Subdomain(gang); len(errs) > 0 {
		t.Errorf("%s: %v", gang, errs)
	}
	for i, p := range pods {
		if want := PodName(batch.NodeID(testJobID, i), 2); p.Name != want {
			t.Errorf("node %d is pod %s, want %s", i, p.Name, want)
		}
		if p.Labels[batchmeta.Gang] != gang || p.Annotations[batchmeta.GangSize] != "3" || p.Annotations[batchmeta.Rank] != in.Rank ||
			p.Labels[batchmeta.NodeIndex] != strconv.Itoa(i) || p.Labels[batchmeta.JobID] != testJobID || p.Namespace != "gangs" {
			t.Errorf("node %d: %v %v", i, p.Labels, p.Annotations)
		}
		for _, c := range slices.Concat(p.Spec.InitContainers, p.Spec.Containers) {
			env := environment(c)
			want := map[string]string{
				"AWS_BATCH_JOB_ID":              fmt.Sprintf("%s#%d", testJobID, i),
				"AWS_BATCH_JOB_MAIN_NODE_INDEX": "1", "AWS_BATCH_JOB_NODE_INDEX": strconv.Itoa(i), "AWS_BATCH_JOB_NUM_NODES": "3",
				"AWS_BATCH_JOB_MAIN_NODE_PRIVATE_IPV4_ADDRESS": "configmap " + gang + "/address",
			}
			if i == 1 { // the main node knows by this that it is
				want["AWS_BATCH_JOB_MAIN_NODE_PRIVATE_IPV4_ADDRESS"] = ""
			}
			for name, value := range want {
				if env[name] != value {
					t.Errorf("node %d: %s is %q, want %q", i, name, env[name], value)
				}
			}
		}
	}
}

// environment has the source in the place of a value from elsewhere.
func environment(c corev1.Container) map[string]string {
	env := map[string]string{}
	for _, e := range c.Env {
		switch {
		case e.ValueFrom == nil:
			env[e.Name] = e.Value
		case e.ValueFrom.ConfigMapKeyRef != nil:
			ref := e.ValueFrom.ConfigMapKeyRef
			env[e.Name] = "configmap " + ref.Name + "/" + ref.Key
		case e.ValueFrom.SecretKeyRef != nil:
			ref := e.ValueFrom.SecretKeyRef
			env[e.Name] = "secret " + ref.Name + "/" + ref.Key
		}
	}
	return env
}

// TestANodeIsShownByItself: what DescribeJobs says of id#1.
func TestANodeIsShownByItself(t *testing.T) {
	t.Parallel()
	in := readDocument(t, "testdata/nodes-container/input.json").input()
	spec, err := Merge(in.Definition, in.Job)
	if err != nil {
		t.Fatal(err)
	}
	if ContainerDetail(spec) != nil || NodePropertiesDetail(spec) == nil {
		t.Error("the job itself must be shown by its node properties alone")
	}
	got := ContainerDetail(spec.Node(1))
	if !slices.Equal(got.Command, []string{"other", "y"}) || *got.InstanceType != "c5.2xlarge" || len(got.Environment) != 2 {
		t.Errorf("got %+v", got)
	}
	if NodePropertiesDetail(spec.Node(1)) != nil {
		t.Error("a node must not be shown by the job's node properties")
	}
	eks := readDocument(t, "testdata/nodes-eks/input.json").input()
	if spec, err = Merge(eks.Definition, eks.Job); err != nil {
		t.Fatal(err)
	}
	if shown := EksPropertiesDetail(spec.Node(0)); *shown.PodProperties.Containers[0].Env[0].Value != "b" || len(shown.PodProperties.InitContainers) != 1 {
		t.Errorf("got %+v", shown.PodProperties)
	}
}

func TestNodesRunOnOneInstanceType(t *testing.T) {
	t.Parallel()
	in := readDocument(t, "testdata/nodes-container/input.json").input()
	in.Definition = nodes(2, containerRange("0", ""), `{"targetNodes":"1","container":{"image":"a","vcpus":1,"memory":8,"instanceType":"c5.large"}}`)
	in.Job.NodeOverrides = nil
	check := func(want string) {
		t.Helper()
		pods, err := Pods(in, testOptions)
		if err != nil {
			t.Fatal(err)
		}
		for i, p := range pods {
			if got := p.Spec.NodeSelector[corev1.LabelInstanceTypeStable]; got != want {
				t.Errorf("node %d runs on %q, want %q", i, got, want)
			}
		}
	}
	check("c5.large")
	in.Job.NodeOverrides = json.RawMessage(`{"nodePropertyOverrides":[{"targetNodes":"1","instanceTypes":["m5.large"]}]}`)
	check("m5.large")
	in.Job.NodeOverrides = json.RawMessage(`{"nodePropertyOverrides":[{"targetNodes":"1","containerOverrides":{"instanceType":"r5.large"}}]}`)
	check("r5.large")
}

// TestConsumables: contract section 4.11.
func TestConsumables(t *testing.T) {
	t.Parallel()
	list := func(members string) json.RawMessage {
		return json.RawMessage(`{"consumableResourceList":[` + members + `]}`)
	}
	const licence = `{"consumableResource":"arn:aws:batch:eu-west-1:1:consumable-resource/licence","quantity":2}`
	with := func(def batch.JobDefinition, doc json.RawMessage) batch.JobDefinition {
		def.ConsumableResourceProperties = doc
		return def
	}
	ranged := func(name string, quantity int) string {
		return fmt.Sprintf(`,"consumableResourceProperties":{"consumableResourceList":[{"consumableResource":%q,"quantity":%d}]}`, name, quantity)
	}
	gang := nodes(5, containerRange("0", ranged("a", 3)), containerRange("1:", ranged("b", 2)))
	cases := map[string]struct {
		def       batch.JobDefinition
		override  json.RawMessage
		overrides string // of nodes
		want      []batch.ConsumableRequirement
		refusal   string
	}{
		"none":                      {def: container("")},
		"the definition's":          {def: with(container(""), list(licence)), want: []batch.ConsumableRequirement{{Name: "licence", Quantity: 2}}},
		"an override replaces them": {def: with(container(""), list(licence)), override: list(`{"consumableResource":"b","quantity":1}`), want: []batch.ConsumableRequirement{{Name: "b", Quantity: 1}}},
		"an override of nothing":    {def: with(container(""), list(licence)), override: list("")},
		"of nodes, each its own":    {def: gang, want: []batch.ConsumableRequirement{{Name: "a", Quantity: 3}, {Name: "b", Quantity: 8}}},
		"of more nodes":             {def: gang, overrides: `{"numNodes":7}`, want: []batch.ConsumableRequirement{{Name: "a", Quantity: 3}, {Name: "b", Quantity: 12}}},
		"of a range that is overridden": {
			def: gang, overrides: `{"nodePropertyOverrides":[{"targetNodes":"1:","consumableResourcePropertiesOverride":{"consumableResourceList":[{"consumableResource":"a","quantity":1}]}}]}`,
			want: []batch.ConsumableRequirement{{Name: "a", Quantity: 7}},
		},
		"the definition's once beside": {def: with(gang, list(`{"consumableResource":"a","quantity":1}`)), want: []batch.ConsumableRequirement{{Name: "a", Quantity: 4}, {Name: "b", Quantity: 8}}},
		"six":                          {def: with(container(""), list(`{},{},{},{},{},{}`)), refusal: "consumableResourceProperties.consumableResourceList: must have at most 5 members"},
		"no quantity":                  {def: with(container(""), list(`{"consumableResource":"a"}`)), refusal: "consumableResourceProperties.consumableResourceList[0].quantity: must be a positive number"},
		"a negative quantity":          {def: with(container(""), list(`{"consumableResource":"a","quantity":-1}`)), refusal: "consumableResourceProperties.consumableResourceList[0].quantity: must be a positive number"},
		"more than can be counted":     {def: with(container(""), list(`{"consumableResource":"a","quantity":9223372036854775807}`)), refusal: "consumableResourceProperties.consumableResourceList[0].quantity: must be a positive number"},
		"twice":                        {def: with(container(""), list(licence+`,{"consumableResource":"licence","quantity":1}`)), refusal: `consumableResourceProperties.consumableResourceList[1].consumableResource: "licence" is given twice`},
		"no name":                      {def: with(container(""), list(`{"quantity":1}`)), refusal: `consumableResourceProperties.consumableResourceList[0].consumableResource: ""`},
		"another ARN":                  {def: with(container(""), list(`{"consumableResource":"arn:aws:batch:r:1:job-queue/q","quantity":1}`)), refusal: "consumableResourceProperties.consumableResourceList[0].consumableResource: "},
		"a bad override":               {def: container(""), override: list(`{}`), refusal: "consumableResourcePropertiesOverride.consumableResourceList[0].consumableResource: "},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			job := batch.Job{NodeOverrides: json.RawMessage(tc.overrides)}
			override, err := decodeConsumables(tc.override)
			if err != nil {
				t.Fatal(err)
			}
			got, err := Consumables(tc.def, job, override)
			if tc.refusal != "" {
				wantRefusal(t, err, tc.refusal)
				if tc.override == nil {
					wantRefusal(t, ValidateDefinition(tc.def, testOptions), tc.refusal)
				}
				return
			}
			if diff := cmp.Diff(tc.want, got); diff != "" || err != nil {
				t.Errorf("mismatch (-want +got), %v:\n%s", err, diff)
			}
		})
	}
}
