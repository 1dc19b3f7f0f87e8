// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"os"
	"sync"
	"time"

	"github.com/muster-batch/muster/autoscaler/fleet/ec2/ec2fake"
)

// host is what machines run on.
type host interface {
	// start makes an instance the node that its user data says, and does not wait until it is ready.
	start(ctx context.Context, i *ec2fake.Instance, k *ec2fake.Kubelet) error
	// end ends an instance's node, if there is one, as pulling the plug does.
	end(ctx context.Context, i *ec2fake.Instance) error
	// clear ends what an earlier run has left.
	clear(ctx context.Context) error
}

// hostTimeout bounds one call of a host.
const hostTimeout = 5 * time.Minute

// machines lets instances of a cloud run on a host. Each is a goroutine: it boots, waits for its end, and is gone.
type machines struct {
	host  host
	cloud *ec2fake.Cloud

	mu   sync.Mutex // guards ends
	ends map[string]chan struct{}
}

func newMachines(h host) *machines { return &machines{host: h, ends: map[string]chan struct{}{}} }

// launched and ended are called by the cloud, which does not wait for machines.
func (m *machines) launched(i ec2fake.Instance) {
	end := make(chan struct{})
	m.mu.Lock()
	m.ends[i.ID] = end
	m.mu.Unlock()
	go m.live(&i, end)
}

func (m *machines) ended(i ec2fake.Instance) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if end := m.ends[i.ID]; end != nil {
		close(end)
		delete(m.ends, i.ID)
	}
}

// live is an instance's life. One that cannot boot stays until it is terminated, as it would at AWS.
func (m *machines) live(i *ec2fake.Instance, end <-chan struct{}) {
	tell(os.Stderr, i, "launched", m.boot(i))
	<-end
	ctx, cancel := context.WithTimeout(context.Background(), hostTimeout)
	defer cancel()
	tell(os.Stderr, i, "ended", m.host.end(ctx, i))
}

func (m *machines) boot(i *ec2fake.Instance) error {
	k, err := m.cloud.Boot(i)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), hostTimeout)
	defer cancel()
	return m.host.start(ctx, i, k)
}
