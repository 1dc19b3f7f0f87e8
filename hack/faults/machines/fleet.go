// SPDX-License-Identifier: Apache-2.0

package machines

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/muster-batch/muster/autoscaler/fleet/ec2/ec2fake"
	"github.com/muster-batch/muster/autoscaler/instancetype"
	"github.com/muster-batch/muster/hack/faults/check"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// Config says what kind of cloud it is.
type Config struct {
	Cluster, Queue string // of EKS, and of SQS
	Seed           uint64
	Ledger         *check.Ledger
	Plan           Plan
}

// Fleet is the cloud and its machines.
type Fleet struct {
	Cloud *ec2fake.Cloud

	cfg      Config
	listener net.Listener
	kube     kubernetes.Interface
	gangs    gangs
	living   sync.WaitGroup
	ctx      context.Context // of all machines: the cloud starts them, and not a caller

	mu       sync.Mutex // guards what follows
	machines map[string]*machine
	limits   map[string]int  // vCPUs by environment
	taken    map[string]bool // instances that the cloud took back
	endings  []check.Ending
	exceeded []string
	launches int
	bound    map[check.Attempt]bool
	removed  map[check.Attempt]bool
}

// New makes a cloud that can be reached at Address and has no cluster yet.
func New(cfg Config) (*Fleet, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("serve cloud: %w", err)
	}
	return &Fleet{
		cfg: cfg, listener: listener, gangs: gangs{known: map[string]*gang{}}, machines: map[string]*machine{}, limits: map[string]int{}, taken: map[string]bool{},
		bound: map[check.Attempt]bool{}, removed: map[check.Attempt]bool{},
	}, nil
}

// Address is the cloud's.
func (f *Fleet) Address() string { return f.listener.Addr().String() }

// Run serves the cloud, and lets instances join the cluster that it knows by Join, until ctx ends.
func (f *Fleet) Run(ctx context.Context) error {
	server := &http.Server{Handler: f.Cloud, ReadHeaderTimeout: 10 * time.Second}
	f.living.Go(func() {
		<-ctx.Done()
		_ = server.Close()
	})
	f.living.Go(func() { f.watch(ctx) })
	if err := server.Serve(f.listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve cloud: %w", err)
	}
	f.living.Wait()
	return nil
}

// Join makes the cloud, for the cluster of a kubeconfig. Its machines end with ctx.
func (f *Fleet) Join(ctx context.Context, kubeconfig string) error {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return fmt.Errorf("run machines: %w", err)
	}
	config.QPS = -1
	config.ContentType = "application/vnd.kubernetes.protobuf"
	kube, err := kubernetes.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("run machines: %w", err)
	}
	ca := config.CAData
	if len(ca) == 0 {
		if ca, err = os.ReadFile(config.CAFile); err != nil {
			return fmt.Errorf("run machines: %w", err)
		}
	}
	f.kube, f.ctx = kube, ctx
	f.Cloud = ec2fake.New(ec2fake.Config{
		Cluster: f.cfg.Cluster, Endpoint: config.Host, CertificateAuthority: base64.StdEncoding.EncodeToString(ca), Seed: f.cfg.Seed,
		Queue: f.cfg.Queue, Notice: 8 * time.Second, Launched: f.launched, Ended: f.ended,
	})
	return nil
}

// Limit says how many vCPUs an environment may have.
func (f *Fleet) Limit(environment string, vcpus int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.limits[environment] = vcpus
}

// launched is called by the cloud, which does not wait.
func (f *Fleet) launched(i ec2fake.Instance) {
	ctx, end := context.WithCancel(f.ctx)
	m := &machine{Fleet: f, instance: i, end: end, runs: map[string]*run{}}
	f.mu.Lock()
	f.machines[i.NodeName()] = m
	f.launches++
	f.hold(i.Tags[batchmeta.ComputeEnvironmentUUID])
	f.mu.Unlock()
	f.living.Go(func() { m.live(ctx) })
}

// hold notes it if an environment is larger than it may be. AWS Batch: it may exceed maxvCpus by one instance at most; mu is held.
func (f *Fleet) hold(environment string) {
	sum, largest := 0, 0
	var names []string
	for _, m := range f.machines {
		if m.instance.Tags[batchmeta.ComputeEnvironmentUUID] == environment && !m.ended {
			vcpus := vcpusOf(m.instance.Type)
			sum, largest = sum+vcpus, max(largest, vcpus)
			names = append(names, m.instance.ID+" of "+m.instance.Tags[batchmeta.LaunchToken])
		}
	}
	if limit, known := f.limits[environment]; known && sum >= limit+largest {
		f.exceeded = append(f.exceeded, fmt.Sprintf("%s: environment %s has %d vCPUs, of %d: %s",
			time.Now().UTC().Format("15:04:05.000"), environment, sum, limit, strings.Join(names, ", ")))
	}
}

var types = instancetype.New(ec2fake.CommonTypes())

func vcpusOf(name string) int {
	t, _ := types.Lookup(name)
	return t.VCPUs
}

// ended is called by the cloud, too.
func (f *Fleet) ended(i ec2fake.Instance) {
	f.mu.Lock()
	m := f.machines[i.NodeName()]
	isTaken := f.taken[i.ID]
	f.mu.Unlock()
	running := m.pull()
	f.mu.Lock()
	defer f.mu.Unlock()
	m.ended = true
	if !isTaken {
		f.endings = append(f.endings, check.Ending{Instance: i.ID, Running: running})
	}
}

// Interrupt lets the cloud take an instance back, after a notice or without.
func (f *Fleet) Interrupt(id string, notice bool) {
	f.mu.Lock()
	f.taken[id] = true
	f.mu.Unlock()
	if notice {
		f.Cloud.Interrupt(id)
	} else {
		f.Cloud.Reclaim(id)
	}
}

// Kube is a client of the cluster, as its administrator.
func (f *Fleet) Kube() kubernetes.Interface { return f.kube }

// Alive are the instances that there are.
func (f *Fleet) Alive() []ec2fake.Instance { return f.Cloud.Instances() }

// Report fills in what the fleet knows.
func (f *Fleet) Report(w *check.World) {
	f.mu.Lock()
	defer f.mu.Unlock()
	w.Ended, w.Exceeded, w.Launches = slices.Clone(f.endings), slices.Clone(f.exceeded), f.launches
	w.Bound, w.Removed = slices.Collect(maps.Keys(f.bound)), slices.Collect(maps.Keys(f.removed))
}

// Removed notes a pod that the attack deletes.
func (f *Fleet) Removed(pod *corev1.Pod) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.removed[attemptOf(pod)] = true
}

// of notes that a pod is bound, and returns its machine; nil if that is none of ours, or gone.
func (f *Fleet) of(pod *corev1.Pod) *machine {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.bound[attemptOf(pod)] = true
	return f.machines[pod.Spec.NodeName]
}
