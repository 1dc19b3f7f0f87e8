// SPDX-License-Identifier: Apache-2.0

//go:build kwok

package main

import (
	"fmt"
	"math"
	"strconv"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	apitypes "k8s.io/apimachinery/pkg/types"

	"github.com/muster-batch/muster/autoscaler/fleet/ec2/ec2fake"
	"github.com/muster-batch/muster/autoscaler/instancetype"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// simEnvironments are what a simulation's jobs are for. All types have 4 vCPUs.
var simEnvironments = [...]struct {
	name, uuid string
	types      []string
}{
	{"compute", "0b0c7a3e-5a58-4c0f-9d1c-c8e6a3c1f5aa", []string{"c5.xlarge", "m5.xlarge"}},
	{"memory", "1b0c7a3e-5a58-4c0f-9d1c-c8e6a3c1f5ab", []string{"r5.xlarge", "m6i.xlarge"}},
}

const vcpusOfAll = 4

func simTypes(t *testing.T) []instancetype.Type {
	t.Helper()
	var names []string
	for _, e := range simEnvironments {
		names = append(names, e.types...)
	}
	out, err := instancetype.Builtin().Resolve(names)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// simJob is a gang, or a job of one pod.
type simJob struct {
	name        string
	environment int
	parts       []simPart
	lasts       time.Duration
	pods        []*corev1.Pod
	on          []simSeat // where the pods run
}

// simPart is members that are alike.
type simPart struct {
	count    int
	cpus     int64
	typeName string // that they ask for; empty for any
}

func (j *simJob) size() int {
	n := 0
	for _, p := range j.parts {
		n += p.count
	}
	return n
}

// plan draws all that happens: when jobs come, and what is out of stock when.
func (s *simulation) plan() {
	begin := time.Now()
	for i := range s.trace.Gangs {
		s.arrive(begin, s.drawGang(i))
	}
	for i := range s.trace.Singles {
		s.arrive(begin, s.drawJob(fmt.Sprint("single-", i), 1))
	}
	for turn := time.Duration(0); turn < s.trace.Lasts; turn += poolTurn {
		s.at(begin.Add(turn), func() { s.stock(s.trace.Outage) })
	}
	s.at(begin.Add(s.trace.Lasts), func() { s.stock(0) })
}

func (s *simulation) arrive(begin time.Time, j *simJob) {
	s.at(begin.Add(time.Duration(s.random.Float64()*float64(s.trace.Lasts))), func() { s.submit(j) })
}

// drawGang draws a gang of 2 members up to the largest, small ones more often; one in 25 needs two types at once.
func (s *simulation) drawGang(i int) *simJob {
	size := int(2 * math.Pow(float64(s.trace.LargestGang)/2, s.random.Float64()))
	j := s.drawJob(fmt.Sprint("gang-", i), size)
	if s.random.IntN(25) == 0 {
		types := simEnvironments[j.environment].types
		half := size / 2
		j.parts = []simPart{{half, 3, types[0]}, {size - half, 3, types[1]}}
	}
	return j
}

func (s *simulation) drawJob(name string, size int) *simJob {
	return &simJob{
		name: name, environment: s.random.IntN(len(simEnvironments)),
		parts: []simPart{{count: size, cpus: int64(1 + 2*s.random.IntN(2))}},
		lasts: s.trace.Work + time.Duration(s.random.Float64()*float64(2*s.trace.Work)),
	}
}

// stock draws for each type whether it is nearly out of stock in every zone.
func (s *simulation) stock(outage float64) {
	for _, e := range simEnvironments {
		for _, name := range e.types {
			isShort := s.random.Float64() < outage
			for _, zone := range []string{"us-east-1a", "us-east-1b", "us-east-1c"} {
				left := plenty
				if isShort {
					left = s.random.IntN(nearlyOut)
				}
				s.cloud.SetStock(ec2fake.Pool{Type: name, Zone: zone}, left)
			}
		}
	}
}

// submit creates a job's pods.
func (s *simulation) submit(j *simJob) {
	for n, part := range j.parts {
		for i := range part.count {
			p := pod(fmt.Sprintf("%s-%d-%d", j.name, n, i), cpus(part.cpus))
			p.CreationTimestamp = metav1.NewTime(time.Now())
			p.Spec.NodeSelector[batchmeta.ComputeEnvironmentUUID] = simEnvironments[j.environment].uuid
			p.Labels[batchmeta.Shape] = strconv.FormatInt(part.cpus, 10) + part.typeName
			p.OwnerReferences = []metav1.OwnerReference{{Kind: "Job", Name: j.name, UID: apitypes.UID(j.name), Controller: new(true)}}
			if part.typeName != "" {
				p.Spec.NodeSelector[corev1.LabelInstanceTypeStable] = part.typeName
			}
			if size := j.size(); size > 1 {
				gang(j.name, size)(p)
			}
			p, err := s.client.CoreV1().Pods("jobs").Create(s.Context(), p, metav1.CreateOptions{})
			s.must(err)
			j.pods = append(j.pods, p)
		}
	}
	s.pending = append(s.pending, j)
}
