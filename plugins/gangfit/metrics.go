// SPDX-License-Identifier: Apache-2.0

package gangfit

import (
	"fmt"
	"sync"
	"time"

	"k8s.io/component-base/metrics"
	"k8s.io/component-base/metrics/legacyregistry"

	"github.com/muster-batch/muster/plugins/gang"
)

// Metrics counts what the plugin does with gangs. Until they are registered they count nothing and cost nothing.
type Metrics struct {
	plans   *metrics.HistogramVec
	replans *metrics.Counter
	returns *metrics.CounterVec
	started *metrics.Counter
	binds   *metrics.Histogram
	waiting *waiting

	began sync.Map // time.Time by *gang.Plan, until it is released or its time is over
}

// Values of the label outcome of a plan.
const (
	outcomePlanned = "planned"
	outcomeRefused = "refused"
	outcomeFailed  = "error"
)

// Values of the label cause of a gang that goes back whole after it was planned.
const (
	causeTaken   = "node_taken"
	causeDeleted = "member_deleted"
	causePlaced  = "member_placed"
	causeLost    = "member_lost_its_place"
	causeTimeout = "timeout"
)

// NewMetrics returns the metrics of the gangs in the ledger.
func NewMetrics(ledger *gang.Ledger) *Metrics {
	const subsystem = "muster_gang"
	return &Metrics{
		plans: metrics.NewHistogramVec(&metrics.HistogramOpts{
			Subsystem: subsystem, Name: "plan_duration_seconds", StabilityLevel: metrics.ALPHA,
			Help:    "How long it took to look for room for a whole gang, by outcome (planned, refused, error).",
			Buckets: metrics.ExponentialBuckets(0.0001, 2, 15), // 0.1 ms to 1.6 s
		}, []string{"outcome"}),
		replans: metrics.NewCounter(&metrics.CounterOpts{
			Subsystem: subsystem, Name: "replans_total", StabilityLevel: metrics.ALPHA,
			Help: "Plans whose open seats were planned once more because a planned node was taken.",
		}),
		returns: metrics.NewCounterVec(&metrics.CounterOpts{
			Subsystem: subsystem, Name: "returns_total", StabilityLevel: metrics.ALPHA,
			Help: "Plans that were given up while members held seats of them, by cause (node_taken, member_deleted, member_placed, member_lost_its_place, timeout).",
		}, []string{"cause"}),
		started: metrics.NewCounter(&metrics.CounterOpts{
			Subsystem: subsystem, Name: "scheduled_total", StabilityLevel: metrics.ALPHA,
			Help: "Gangs all of whose members had their seats and were let go to be bound.",
		}),
		binds: metrics.NewHistogram(&metrics.HistogramOpts{
			Subsystem: subsystem, Name: "bind_seconds", StabilityLevel: metrics.ALPHA,
			Help:    "Time from the plan of a gang until all its members were let go to be bound.",
			Buckets: metrics.ExponentialBuckets(0.001, 3, 10), // 1 ms to 20 s
		}),
		waiting: &waiting{
			ledger: ledger,
			gangs: metrics.NewDesc(subsystem+"_waiting", "Gangs that wait, by why (incomplete, malformed, refused, ready).",
				[]string{"why"}, nil, metrics.ALPHA, ""),
			members: metrics.NewDesc(subsystem+"_members_waiting", "Members of gangs that wait, by why (incomplete, malformed, refused, ready).",
				[]string{"why"}, nil, metrics.ALPHA, ""),
		},
	}
}

// Register adds the metrics to what the program serves.
func (m *Metrics) Register() error {
	for _, c := range m.Registerables() {
		if err := legacyregistry.Register(c); err != nil {
			return fmt.Errorf("register the metrics of gangs: %w", err)
		}
	}
	if err := legacyregistry.CustomRegister(m.waiting); err != nil {
		return fmt.Errorf("register the metrics of waiting gangs: %w", err)
	}
	return nil
}

// Registerables are the metrics that are counted as things happen.
func (m *Metrics) Registerables() []metrics.Registerable {
	return []metrics.Registerable{m.plans, m.replans, m.returns, m.started, m.binds}
}

// Waiting are those that are read when they are asked for.
func (m *Metrics) Waiting() metrics.StableCollector { return m.waiting }

// planBegan remembers when a plan was made.
func (m *Metrics) planBegan(plan *gang.Plan, now time.Time) { m.began.Store(plan, now) }

// planEnded forgets it.
func (m *Metrics) planEnded(plan *gang.Plan) { m.began.Delete(plan) }

// released counts a gang that was let go.
func (m *Metrics) released(plan *gang.Plan, now time.Time) {
	m.started.Inc()
	if began, ok := m.began.LoadAndDelete(plan); ok {
		if at, ok := began.(time.Time); ok {
			m.binds.Observe(max(0, now.Sub(at).Seconds()))
		}
	}
}

func (m *Metrics) planned(outcome string, took time.Duration) {
	m.plans.WithLabelValues(outcome).Observe(took.Seconds())
}

// returned counts a plan that was given up for the cause, if members held seats of it.
func (m *Metrics) returned(cause string, members int) {
	if members > 0 {
		m.returns.WithLabelValues(cause).Inc()
	}
}

// waiting reads from the ledger, when it is asked, how many gangs and members wait.
type waiting struct {
	metrics.BaseStableCollector
	ledger         *gang.Ledger
	gangs, members *metrics.Desc
}

// DescribeWithStability names the two gauges.
func (w *waiting) DescribeWithStability(ch chan<- *metrics.Desc) {
	ch <- w.gangs
	ch <- w.members
}

// CollectWithStability counts, in the time of one look at each gang.
func (w *waiting) CollectWithStability(ch chan<- metrics.Metric) {
	for why, n := range w.ledger.Waiting() {
		ch <- metrics.NewLazyConstMetric(w.gangs, metrics.GaugeValue, float64(n.Gangs), string(why))
		ch <- metrics.NewLazyConstMetric(w.members, metrics.GaugeValue, float64(n.Members), string(why))
	}
}

func outcomeOf(reason string, err error) string {
	switch {
	case err != nil:
		return outcomeFailed
	case reason != "":
		return outcomeRefused
	}
	return outcomePlanned
}
