// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
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

// ErrDeposed says that somebody else opened the ledger since: who is told so leads no more.
var ErrDeposed = errors.New("another autoscaler has taken the ledger of launches over")

// Ledger remembers launches that are under way, so that a crash in the middle of one neither loses its instances nor buys
// them twice: the launch is recorded before the fleet is asked, and repeated at the next start if nobody struck it out.
//
// It is a fence, too: from Open on, nobody who opened it before can record. So whatever a former leader still launches was
// there to read when it was opened.
type Ledger interface {
	// Open makes the ledger the caller's, and says what is under way.
	Open(ctx context.Context) ([]Entry, error)
	// Record fails with ErrDeposed if the ledger is somebody else's by now.
	Record(ctx context.Context, e Entry) error
	Forget(ctx context.Context, token string) error
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

// ConfigMapLedger keeps the ledger in a ConfigMap, one key for each launch and one for whose it is. The launches of one holder
// need not agree on a version: each patches its own key.
type ConfigMapLedger struct {
	client typedcorev1.ConfigMapInterface
	name   string
	holder string
}

// holderKey is the key of whose ledger it is.
const holderKey = "holder"

var _ Ledger = (*ConfigMapLedger)(nil)

// NewConfigMapLedger makes a ledger in the ConfigMap of the name, which need not exist. Each is another holder.
func NewConfigMapLedger(client typedcorev1.ConfigMapInterface, name string) *ConfigMapLedger {
	return &ConfigMapLedger{client: client, name: name, holder: rand.Text()}
}

// Record implements Ledger.
func (l *ConfigMapLedger) Record(ctx context.Context, e Entry) error {
	doc, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("encode launch %s: %w", e.Token, err)
	}
	err = l.patchIfOurs(ctx, e.Token, string(doc))
	if apierrors.IsNotFound(err) {
		return l.create(ctx, map[string]string{holderKey: l.holder, e.Token: string(doc)})
	}
	if err == nil {
		return nil
	}
	if cm, failed := l.client.Get(ctx, l.name, metav1.GetOptions{}); failed == nil && cm.Data[holderKey] != l.holder {
		return ErrDeposed
	}
	return fmt.Errorf("write ledger of launches: %w", err)
}

// patchIfOurs adds a launch in one write that fails unless the ledger is ours.
func (l *ConfigMapLedger) patchIfOurs(ctx context.Context, token, doc string) error {
	patch, err := json.Marshal([]map[string]string{
		{"op": "test", "path": "/data/" + holderKey, "value": l.holder},
		{"op": "add", "path": "/data/" + token, "value": doc},
	})
	if err != nil {
		return fmt.Errorf("encode ledger of launches: %w", err)
	}
	return crashpoint.Around("launches/record", func() error {
		_, err := l.client.Patch(ctx, l.name, types.JSONPatchType, patch, metav1.PatchOptions{})
		return err
	})
}

func (l *ConfigMapLedger) create(ctx context.Context, data map[string]string) error {
	cm := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: l.name}, Data: data}
	err := crashpoint.Around("launches/create", func() error {
		_, err := l.client.Create(ctx, cm, metav1.CreateOptions{})
		return err
	})
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

// Open implements Ledger. What cannot be read is left out: it was not written by us.
func (l *ConfigMapLedger) Open(ctx context.Context) ([]Entry, error) {
	err := l.patch(ctx, "launches/open", map[string]*string{holderKey: &l.holder})
	if apierrors.IsNotFound(err) {
		err = l.create(ctx, map[string]string{holderKey: l.holder})
	}
	if err != nil {
		return nil, err
	}
	cm, err := l.client.Get(ctx, l.name, metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("read ledger of launches: %w", err)
	}
	var out []Entry
	for token, doc := range cm.Data {
		if token == holderKey {
			continue
		}
		var e Entry
		if err := json.Unmarshal([]byte(doc), &e); err != nil || e.Token != token || e.Count < 1 {
			klog.FromContext(ctx).Error(err, "Ignoring unreadable launch in the ledger", "launch", token)
			continue
		}
		out = append(out, e)
	}
	return out, nil
}
