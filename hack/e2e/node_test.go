// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/muster-batch/muster/hack/freeport"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// Each node tells what it knows of the others. The main node serves a page at a port; the workers fetch it at the address
// that they were given and run on. Once both have it the main node ends, with a failure the first time.
const (
	tellNode = `at=$AWS_BATCH_JOB_ATTEMPT.$AWS_BATCH_JOB_NODE_INDEX
		echo "$AWS_BATCH_JOB_NODE_INDEX of $AWS_BATCH_JOB_NUM_NODES, main $AWS_BATCH_JOB_MAIN_NODE_INDEX${AWS_BATCH_JOB_MAIN_NODE_PRIVATE_IPV4_ADDRESS+ at $AWS_BATCH_JOB_MAIN_NODE_PRIVATE_IPV4_ADDRESS}" >/host/node.$at`
	servePage = tellNode + `
		mkdir /www; echo "attempt $AWS_BATCH_JOB_ATTEMPT of $AWS_BATCH_JOB_ID" >/www/page; httpd -p %[1]d -h /www
		until [ -e /host/page.$AWS_BATCH_JOB_ATTEMPT.1 ] && [ -e /host/page.$AWS_BATCH_JOB_ATTEMPT.2 ]; do sleep 0.1; done
		[ $AWS_BATCH_JOB_ATTEMPT -eq 2 ]`
	fetchPage = tellNode + `
		trap 'echo stopped >>/host/stopped.$at; exit 143' TERM
		until wget -q -O /tmp/page http://$AWS_BATCH_JOB_MAIN_NODE_PRIVATE_IPV4_ADDRESS:%[1]d/page; do sleep 0.1; done
		cp /tmp/page /host/page.$at.part; mv /host/page.$at.part /host/page.$at
		sleep 600 & wait`
)

func TestMainNodeDecidesAMultiNodeJob(t *testing.T) {
	t.Parallel()
	s, w, port := newSite(t, "nodes", siteConfig{maxNodes: 2}), newWitness(t), freePort(t)
	// The workers fit on one machine, none beside the main node.
	vcpus := func(share float64) string { return strconv.FormatFloat(share*float64(nodeCPUs), 'f', -1, 64) }
	definition := s.register(t, &sdk.RegisterJobDefinitionInput{
		Type: types.JobDefinitionTypeMultinode,
		NodeProperties: &types.NodeProperties{
			NumNodes: aws.Int32(3), MainNode: aws.Int32(0),
			NodeRangeProperties: []types.NodeRangeProperty{
				{TargetNodes: aws.String("0:0"), Container: container(fmt.Sprintf(servePage, port), vcpus(0.75), w.folder)},
				{TargetNodes: aws.String("1:2"), Container: container(fmt.Sprintf(fetchPage, port), vcpus(0.5), w.folder)},
			},
		},
	})
	id := s.start(t, &sdk.SubmitJobInput{JobDefinition: &definition, RetryStrategy: &types.RetryStrategy{Attempts: aws.Int32(2)}})

	job := s.awaitStatus(t, id, long, types.JobStatusSucceeded)
	s.wantMultiNode(t, job, 1, 0)
	if diff := cmp.Diff([]string{"0 of 3, main 0"}, w.lines(t, "node.2.0")); diff != "" {
		t.Errorf("what the main node knows (-want +got):\n%s", diff)
	}
	for attempt := 1; attempt <= 2; attempt++ {
		for node := 1; node <= 2; node++ {
			at := fmt.Sprintf("%d.%d", attempt, node)
			facts, address, _ := strings.Cut(strings.Join(w.lines(t, "node."+at), "\n"), " at ")
			wantText(t, "what node "+at+" knows", facts, fmt.Sprintf("%d of 3, main 0", node))
			if ip, err := netip.ParseAddr(address); err != nil || !ip.Is4() {
				t.Errorf("node %s knows the main node's address as %q", at, address)
			}
			if diff := cmp.Diff([]string{fmt.Sprintf("attempt %d of %s#0", attempt, id)}, w.lines(t, "page."+at)); diff != "" {
				t.Errorf("what node %s fetched there (-want +got):\n%s", at, diff)
			}
			w.awaitMark(t, "stopped."+at)
		}
	}
	s.awaitNothingOf(t, id)
}

// wantMultiNode checks what Metaflow reads of a multi-node job: no container, but a statusReason, and attempts that have the
// main node's exit codes. Its nodes can be described, too.
func (s *site) wantMultiNode(t *testing.T, job types.JobDetail, exitCodes ...int32) {
	t.Helper()
	const reason = "Essential container in task exited"
	wantText(t, "statusReason", aws.ToString(job.StatusReason), reason)
	if job.Container != nil || aws.ToInt64(job.StoppedAt) == 0 || len(job.Attempts) != len(exitCodes) {
		t.Fatalf("want no container, a stoppedAt and %d attempts:\n%s", len(exitCodes), show(job))
	}
	for i, want := range exitCodes {
		if c := job.Attempts[i].Container; c == nil || c.ExitCode == nil || *c.ExitCode != want {
			t.Errorf("attempts[%d].container = %s, want exit code %d", i, show(c), want)
		}
	}
	worker, err := s.job(t.Context(), aws.ToString(job.JobId)+"#1")
	if err != nil {
		t.Fatal(err)
	}
	if d := worker.NodeDetails; d == nil || aws.ToInt32(d.NodeIndex) != 1 || aws.ToBool(d.IsMainNode) || len(worker.Attempts) != len(exitCodes) {
		t.Errorf("node 1 is\n%s", show(worker))
	}
}

// awaitNothingOf waits until the job has neither pods nor anything that they were told by.
func (s *site) awaitNothingOf(t *testing.T, id string) {
	t.Helper()
	await(t, long, "pods and the main node's address go", func(ctx context.Context) error {
		maps, err := local.kube.CoreV1().ConfigMaps(local.env["MUSTER_NAMESPACE"]).List(ctx, metav1.ListOptions{
			LabelSelector: batchmeta.JobID + "=" + id,
		})
		if err == nil && len(maps.Items) > 0 {
			err = fmt.Errorf("%d ConfigMaps", len(maps.Items))
		}
		return errors.Join(err, wantPods(ctx, s, 0))
	})
}

// Pods with addresses of their own have none before their node has made them one: the other nodes' containers wait for it.
// A worker that fails changes nothing but its own state.
func TestNodesHaveAddressesOfTheirOwn(t *testing.T) {
	t.Parallel()
	s, w := newSite(t, "pod-network", siteConfig{}), newWitness(t)
	id := s.start(t, &sdk.SubmitJobInput{JobDefinition: aws.String(s.registerPodNetwork(t, w))})

	worker := s.awaitStatus(t, id+"#0", long, types.JobStatusFailed)
	wantEnd(t, worker, "Essential container in task exited", 9)
	main, err := s.job(t.Context(), id)
	if err != nil || main.Status != types.JobStatusRunning {
		t.Errorf("after a worker's end the job is %s, want RUNNING (%v)", main.Status, err)
	}
	apart := time.Duration(aws.ToInt64(worker.StartedAt)-aws.ToInt64(main.StartedAt)) * time.Millisecond
	t.Logf("the worker started %v after the main node", apart)
	w.release(t)
	s.awaitStatus(t, id, long, types.JobStatusSucceeded)
	if diff := cmp.Diff(w.lines(t, "own"), w.lines(t, "told")); diff != "" {
		t.Errorf("the main node's address (-own +told):\n%s", diff)
	}
	s.awaitNothingOf(t, id)
}

// registerPodNetwork registers two nodes with addresses of their own. The main one, 1, notes its own in the file own and
// ends once the job is released; the other notes in the file told what it was told, and fails.
func (s *site) registerPodNetwork(t *testing.T, w witness) string {
	t.Helper()
	node := func(target, script string) types.NodeRangeProperty {
		pod := shell{script: script, folder: w.folder}.pod()
		pod.HostNetwork = aws.Bool(false)
		return types.NodeRangeProperty{TargetNodes: &target, EksProperties: &types.EksProperties{PodProperties: pod}}
	}
	return s.register(t, &sdk.RegisterJobDefinitionInput{
		Type: types.JobDefinitionTypeMultinode,
		NodeProperties: &types.NodeProperties{
			NumNodes: aws.Int32(2), MainNode: aws.Int32(1),
			NodeRangeProperties: []types.NodeRangeProperty{
				node("0", `echo $AWS_BATCH_JOB_MAIN_NODE_PRIVATE_IPV4_ADDRESS >>/host/told; exit 9`),
				node("1:", `hostname -i >>/host/own; until [ -e /host/go ]; do sleep 0.1; done; echo ended >>/host/ends`),
			},
		},
	})
}

// freePort is one that nobody listens at, nor will. All nodes share this machine's.
func freePort(t *testing.T) int {
	t.Helper()
	port, release, err := freeport.Take()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(release)
	return port
}
