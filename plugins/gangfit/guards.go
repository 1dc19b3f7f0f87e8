// SPDX-License-Identifier: Apache-2.0

package gangfit

import (
	"cmp"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	policylisters "k8s.io/client-go/listers/policy/v1"

	"github.com/muster-batch/muster/plugins/preempt"
)

// guards are the PodDisruptionBudgets, as far as they bear on who is preempted.
type guards []guard

type guard struct {
	namespace string
	selector  labels.Selector
	counted   map[string]metav1.Time // pods by name whose disruption the budget has counted already
	allowed   int
}

func listGuards(budgets policylisters.PodDisruptionBudgetLister) (guards, error) {
	all, err := budgets.List(labels.Everything())
	if err != nil {
		return nil, fmt.Errorf("list disruption budgets: %w", err)
	}
	var list guards
	for _, b := range all {
		selector, err := metav1.LabelSelectorAsSelector(b.Spec.Selector)
		if err != nil || selector.Empty() { // it matches nothing
			continue
		}
		list = append(list, guard{
			namespace: b.Namespace, selector: selector, counted: b.Status.DisruptedPods, allowed: int(b.Status.DisruptionsAllowed),
		})
	}
	return list, nil
}

// touched returns how many disruptions of each budget it takes to end the pods.
func (l guards) touched(pods []*corev1.Pod) []int {
	counts := make([]int, len(l))
	for i := range l {
		for _, pod := range pods {
			_, counted := l[i].counted[pod.Name]
			if pod.Namespace == l[i].namespace && !counted && l[i].selector.Matches(labels.Set(pod.Labels)) {
				counts[i]++
			}
		}
	}
	return counts
}

// violated reports whether so many disruptions are more than the budgets allow.
func (l guards) violated(counts []int) bool {
	for i := range l {
		if counts[i] > l[i].allowed {
			return true
		}
	}
	return false
}

// mark says of each work whether ending it alone violates a budget.
func (l guards) mark(works []preempt.Work, pods [][]*corev1.Pod) {
	if len(l) == 0 {
		return
	}
	for i := range works {
		works[i].Guarded = l.violated(l.touched(pods[i]))
	}
}

// markInTurn says of each work whether ending it violates a budget once those were ended that are better ended: of lower
// level, or younger. It reports whether that is news, for works that were chosen together.
func (l guards) markInTurn(works []preempt.Work, pods [][]*corev1.Pod, chosen []int) bool {
	if len(l) == 0 || !l.violated(l.touched(allOf(pods, chosen))) {
		return false
	}
	order := make([]int, len(works))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		x, y := &works[a], &works[b]
		return cmp.Or(x.Level.Compare(y.Level), y.Started.Compare(x.Started))
	})
	sum, news := make([]int, len(l)), false
	for _, i := range order {
		for k, n := range l.touched(pods[i]) {
			if n > 0 {
				sum[k] += n
				news = news || !works[i].Guarded && sum[k] > l[k].allowed
				works[i].Guarded = works[i].Guarded || sum[k] > l[k].allowed
			}
		}
	}
	return news
}

// allOf returns the pods of the works that were chosen.
func allOf(pods [][]*corev1.Pod, chosen []int) []*corev1.Pod {
	var all []*corev1.Pod
	for _, i := range chosen {
		all = append(all, pods[i]...)
	}
	return all
}
