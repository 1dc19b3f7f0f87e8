// SPDX-License-Identifier: Apache-2.0

package podevents

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/util/flowcontrol"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"

	"github.com/muster-batch/muster/queue-api/batchmeta"
)

const (
	component  = "queue-api"
	controller = "muster.sh/queue-api"
	// maxMessage is how much of a message is kept. Kubernetes: 1,024 bytes.
	maxMessage = 1024
	// queued bounds the Events of each kind that wait to be written.
	queued = 1000
	// writeTimeout bounds one write.
	writeTimeout = 5 * time.Second
)

// Config tunes a Recorder; zero values mean the defaults.
type Config struct {
	// Rate is how many Events of each kind, those that warn and the others, are written a second. Default 25.
	Rate float32
	// Host is the name of the machine, or of the pod, of this process.
	Host string
	// Clock is the real one by default.
	Clock clock.PassiveClock
}

// Recorder writes Events into one cluster.
type Recorder struct {
	client  corev1client.EventsGetter
	metrics Metrics
	cfg     Config
	normal  chan *corev1.Event
	warning chan *corev1.Event
}

// New makes a Recorder, which writes while it runs.
func New(client corev1client.EventsGetter, metrics Metrics, cfg Config) *Recorder {
	cfg.Rate = cmp.Or(cfg.Rate, 25)
	if cfg.Clock == nil {
		cfg.Clock = clock.RealClock{}
	}
	return &Recorder{
		client: client, metrics: metrics, cfg: cfg,
		normal: make(chan *corev1.Event, queued), warning: make(chan *corev1.Event, queued),
	}
}

// Admitted is told of a pod that was made.
func (r *Recorder) Admitted(pod *corev1.Pod) {
	if pod.Labels[batchmeta.NodeIndex] != "" && pod.Labels[batchmeta.NodeIndex] != "0" {
		return // of a gang one tells
	}
	r.Record(pod, batchmeta.EventAdmitted, "Attempt "+pod.Labels[batchmeta.Attempt]+" of job "+pod.Labels[batchmeta.JobID]+
		" of job queue "+pod.Labels[batchmeta.JobQueue]+" was admitted")
}

// Record writes an Event soon, or drops it. It does not block.
func (r *Recorder) Record(pod *corev1.Pod, reason batchmeta.EventReason, message string) {
	into, kind := r.normal, corev1.EventTypeNormal
	if isWarning(reason) {
		into, kind = r.warning, corev1.EventTypeWarning
	}
	select {
	case into <- r.event(pod, kind, reason, message):
	default:
		r.metrics.count(resultDropped)
	}
}

var warnings = sync.OnceValue(func() map[batchmeta.EventReason]bool {
	out := map[batchmeta.EventReason]bool{}
	for _, e := range batchmeta.Events() {
		out[e.Reason] = e.IsWarning
	}
	return out
})

func isWarning(reason batchmeta.EventReason) bool { return warnings()[reason] }

func (r *Recorder) event(pod *corev1.Pod, kind string, reason batchmeta.EventReason, message string) *corev1.Event {
	now := metav1.NewTime(r.cfg.Clock.Now())
	return &corev1.Event{
		ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("%.200s.%x", pod.Name, now.UnixNano()), Namespace: pod.Namespace, Labels: batchmeta.EventLabels(pod.Labels)},
		InvolvedObject: corev1.ObjectReference{
			APIVersion: "v1", Kind: "Pod", Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID, ResourceVersion: pod.ResourceVersion,
		},
		Type: kind, Reason: string(reason), Message: truncate(message), Count: 1, FirstTimestamp: now, LastTimestamp: now,
		Source: corev1.EventSource{Component: component, Host: r.cfg.Host}, ReportingController: controller, ReportingInstance: r.cfg.Host,
	}
}

func truncate(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= maxMessage {
		return s
	}
	return strings.ToValidUTF8(s[:maxMessage-len("…")], "") + "…"
}

// Run writes until ctx ends.
func (r *Recorder) Run(ctx context.Context) error {
	var writers sync.WaitGroup
	for _, from := range []chan *corev1.Event{r.normal, r.warning} {
		limit := flowcontrol.NewTokenBucketRateLimiter(r.cfg.Rate, max(1, int(4*r.cfg.Rate)))
		writers.Go(func() { r.write(ctx, from, limit) })
	}
	writers.Wait()
	return nil
}

func (r *Recorder) write(ctx context.Context, from <-chan *corev1.Event, limit flowcontrol.RateLimiter) {
	defer limit.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case e := <-from:
			if limit.Wait(ctx) != nil {
				return
			}
			r.writeOne(ctx, e)
		}
	}
}

// writeOne does not try again: an Event that comes late tells nobody anything.
func (r *Recorder) writeOne(ctx context.Context, e *corev1.Event) {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	if _, err := r.client.Events(e.Namespace).Create(ctx, e, metav1.CreateOptions{}); err != nil {
		r.metrics.count(resultFailed)
		klog.FromContext(ctx).V(4).Info("Event was not written", "pod", klog.KRef(e.Namespace, e.InvolvedObject.Name), "reason", e.Reason, "err", err)
		return
	}
	r.metrics.count(resultWritten)
}
