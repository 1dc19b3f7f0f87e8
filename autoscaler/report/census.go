// SPDX-License-Identifier: Apache-2.0

package report

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/utils/clock"

	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// CensusConfig tunes a Census.
type CensusConfig struct {
	// Interval is the time between two looks at the number. 1 second if zero.
	Interval time.Duration
	// Repeat is after how long a number that has not changed is said again. 15 seconds if zero.
	Repeat time.Duration
	Clock  clock.Clock
}

// Census says how many instances there are, for those who have to know that there is none left. It is used by one goroutine.
type Census struct {
	client typedcorev1.ConfigMapInterface
	count  func() int
	cfg    CensusConfig
	said   int
	saidAt time.Time // zero before the first
}

// NewCensus makes a Census over a client of the namespace's ConfigMaps.
func NewCensus(client typedcorev1.ConfigMapInterface, count func() int, cfg CensusConfig) *Census {
	cfg.Interval, cfg.Repeat = cmp.Or(cfg.Interval, time.Second), cmp.Or(cfg.Repeat, 15*time.Second)
	if cfg.Clock == nil {
		cfg.Clock = clock.RealClock{}
	}
	return &Census{client: client, count: count, cfg: cfg}
}

// Run counts, again and again, until ctx ends.
func (c *Census) Run(ctx context.Context) error {
	again(ctx, c.cfg.Clock, c.cfg.Interval, "Cannot say how many instances there are, trying again", c.Say)
	return nil
}

// Say says the number if it is another one, or was said long ago.
func (c *Census) Say(ctx context.Context) error {
	n, now := c.count(), c.cfg.Clock.Now()
	if n == c.said && !c.saidAt.IsZero() && now.Sub(c.saidAt) < c.cfg.Repeat {
		return nil
	}
	data := map[string]string{
		batchmeta.InstancesCount: strconv.Itoa(n), batchmeta.InstancesCountedAt: now.UTC().Format(time.RFC3339Nano),
	}
	if err := c.put(ctx, data); err != nil {
		return fmt.Errorf("report the number of instances: %w", err)
	}
	c.said, c.saidAt = n, now
	return nil
}

func (c *Census) put(ctx context.Context, data map[string]string) error {
	doc, err := json.Marshal(map[string]any{"data": data})
	if err != nil {
		return err
	}
	_, err = c.client.Patch(ctx, batchmeta.InstancesReport, types.MergePatchType, doc, metav1.PatchOptions{})
	if !apierrors.IsNotFound(err) {
		return err
	}
	_, err = c.client.Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: batchmeta.InstancesReport}, Data: data}, metav1.CreateOptions{})
	return err
}
