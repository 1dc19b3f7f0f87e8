// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/klog/v2"

	"github.com/muster-batch/muster/queue-api/crashpoint"
)

// Ledger remembers launches that are under way, so that a crash in the middle of one neither loses its instances nor buys
// them twice: the launch is recorded before the fleet is asked, and repeated at the next start if nobody struck it out.
type Ledger interface {
	Record(ctx context.Context, e Entry) error
	Forget(ctx context.Context, token string) error
	Load(ctx context.Context) ([]Entry, error)
}

// Entry is a launch that was begun.
type Entry struct {
	Token           string    `json:"token"`
	Count           int       `json:"count"`
	Whole           bool      `json:"whole,omitzero"`
	OneZone         bool      `json:"oneZone,omitzero"`
	EnvironmentUUID string    `json:"computeEnvironmentUuid"`
	InstanceType    string    `json:"instanceType"`
	CapacityType    string    `json:"capacityType"`
	At              time.Time `json:"at"`
}

func entryOf(l launch, at time.Time) Entry {
	return Entry{
		Token: l.request.Token, Count: l.request.Count, Whole: l.request.Whole, OneZone: l.request.OneZone, EnvironmentUUID: l.group.key.environmentUUID,
		InstanceType: l.group.key.instanceType, CapacityType: l.group.key.capacityType, At: at.UTC(),
	}
}

// ConfigMapLedger keeps the ledger in a ConfigMap, one key for each launch. Writers need not agree on a version: each
// patches its own key.
type ConfigMapLedger struct {
	client typedcorev1.ConfigMapInterface
	name   string
}

var _ Ledger = (*ConfigMapLedger)(nil)

// NewConfigMapLedger makes a ledger in the ConfigMap of the name, which need not exist.
func NewConfigMapLedger(client typedcorev1.ConfigMapInterface, name string) *ConfigMapLedger {
	return &ConfigMapLedger{client: client, name: name}
}

// Record implements Ledger.
func (l *ConfigMapLedger) Record(ctx context.Context, e Entry) error {
	doc, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("encode launch %s: %w", e.Token, err)
	}
	err = l.patch(ctx, "launches/record", map[string]*string{e.Token: new(string(doc))})
	if !apierrors.IsNotFound(err) {
		return err
	}
	cm := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: l.name}, Data: map[string]string{e.Token: string(doc)}}
	err = crashpoint.Around("launches/create", func() error {
		_, err := l.client.Create(ctx, cm, metav1.CreateOptions{})
		return err
	})
	if apierrors.IsAlreadyExists(err) {
		return l.patch(ctx, "launches/record", map[string]*string{e.Token: new(string(doc))})
	}
	if err != nil {
		return fmt.Errorf("create ledger of launches: %w", err)
	}
	return nil
}

// Forget implements Ledger.
func (l *ConfigMapLedger) Forget(ctx context.Context, token string) error {
	err := l.patch(ctx, "launches/forget", map[string]*string{token: nil})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

func (l *ConfigMapLedger) patch(ctx context.Context, point crashpoint.Point, data map[string]*string) error {
	doc, err := json.Marshal(map[string]any{"data": data})
	if err != nil {
		return fmt.Errorf("encode ledger of launches: %w", err)
	}
	err = crashpoint.Around(point, func() error {
		_, err := l.client.Patch(ctx, l.name, types.MergePatchType, doc, metav1.PatchOptions{})
		return err
	})
	if err != nil {
		return fmt.Errorf("write ledger of launches: %w", err)
	}
	return nil
}

// Load implements Ledger. What cannot be read is left out: it was not written by us.
func (l *ConfigMapLedger) Load(ctx context.Context) ([]Entry, error) {
	cm, err := l.client.Get(ctx, l.name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read ledger of launches: %w", err)
	}
	var out []Entry
	for token, doc := range cm.Data {
		var e Entry
		if err := json.Unmarshal([]byte(doc), &e); err != nil || e.Token != token || e.Count < 1 {
			klog.FromContext(ctx).Error(err, "Ignoring unreadable launch in the ledger", "launch", token)
			continue
		}
		out = append(out, e)
	}
	return out, nil
}
