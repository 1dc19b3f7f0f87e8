// SPDX-License-Identifier: Apache-2.0

package preempt

import (
	"cmp"
	"math"
	"slices"
)

// Fits reports whether the gang fits once the works that are gone have ended. It must not keep or change gone. More that
// is gone never makes a gang fit worse.
type Fits func(gone []bool) (bool, error)

// Choose returns the works to end so that the gang fits, by index and in ascending order; none when it does not fit even
// without all of them. It counts.
func Choose(c *Cluster, works []Work) []int {
	var best []int
	for _, p := range c.split(works) {
		fits := func(gone []bool) bool { return p.cluster.Fits(p.works, gone) }
		if len(c.Groups) == 1 {
			fits = newCounter(p.cluster, p.works).fits
		}
		s := &search{cluster: p.cluster, works: p.works, limit: math.MaxInt, fits: func(gone []bool) (bool, error) {
			return fits(gone), nil
		}}
		chosen, err := s.choose()
		if err != nil || chosen == nil { // counting does not fail
			continue
		}
		for i := range chosen {
			chosen[i] = p.index[chosen[i]]
		}
		if best == nil || compareChoices(works, chosen, best) < 0 {
			best = chosen
		}
	}
	return best
}

// ChooseBy is Choose for a gang that cannot be counted: the cluster says where ending something helps, and whether it helps
// enough is asked of fits. It is none when limit questions do not tell which of the works must go: rather nobody is harmed
// than somebody in vain.
func ChooseBy(c *Cluster, works []Work, limit int, fits Fits) ([]int, error) {
	return (&search{cluster: c, works: works, limit: limit, fits: fits}).choose()
}

// search is one call of Choose.
type search struct {
	cluster *Cluster
	works   []Work
	fits    Fits
	limit   int // how many more questions are allowed; below 0 when there was one too many
}

func (s *search) choose() ([]int, error) {
	allowed, err := s.narrow()
	if err != nil || allowed == nil {
		return nil, err
	}
	few, err := s.shrink(s.byYield(allowed))
	if err != nil {
		return nil, err
	}
	best, err := s.reprieve(few, few)
	if err != nil || best == nil {
		return nil, err
	}
	byAge, err := s.reprieve(allowed, s.byAge(allowed))
	if err != nil {
		return nil, err
	}
	if byAge != nil && compareChoices(s.works, byAge, best) < 0 {
		best = byAge
	}
	return s.improve(allowed, best)
}

// shrink returns the last ones of order, as many as make the gang fit, found by asking for four times as many each time.
func (s *search) shrink(order []int) ([]int, error) {
	for n := 16; n < len(order); n *= 4 {
		few := order[len(order)-n:]
		ok, err := s.ask(s.gone(few))
		if err != nil || ok {
			return few, err
		}
	}
	return order, nil
}

// tries bounds how many works are tried in the place of those chosen, by how much counting that is.
const tries = 100_000

// improve tries each work that was given back in the place of some that were chosen.
func (s *search) improve(allowed, best []int) ([]int, error) {
	order := s.byYield(allowed)
	slices.Reverse(order)
	left := tries / (len(s.cluster.Nodes) * len(best))
	for _, i := range order {
		if left--; left < 0 {
			break
		}
		if slices.Contains(best, i) {
			continue
		}
		chosen, err := s.reprieve(append(slices.Clone(best), i), s.byYield(best))
		if err != nil {
			return nil, err
		}
		if chosen == nil {
			break
		}
		if compareChoices(s.works, chosen, best) < 0 {
			best = chosen
		}
	}
	return best, nil
}

func (s *search) ask(gone []bool) (bool, error) {
	s.limit--
	return s.fits(gone)
}

// tier orders works by what matters before all else: none that is guarded, then none that counts for much.
func tier(a, b *Work) int {
	if a.Guarded != b.Guarded {
		if a.Guarded {
			return 1
		}
		return -1
	}
	return a.Level.Compare(b.Level)
}

// narrow returns the fewest tiers of works, the lowest first, without which the gang fits; nil if it does not fit without
// all of them.
func (s *search) narrow() ([]int, error) {
	sorted := make([]int, len(s.works))
	for i := range sorted {
		sorted[i] = i
	}
	slices.SortStableFunc(sorted, func(a, b int) int { return tier(&s.works[a], &s.works[b]) })
	var ends []int // of the tiers in sorted
	for i := range sorted {
		if i+1 == len(sorted) || tier(&s.works[sorted[i]], &s.works[sorted[i+1]]) != 0 {
			ends = append(ends, i+1)
		}
	}
	if len(ends) == 0 {
		return nil, nil
	}
	if ok, err := s.ask(s.gone(sorted)); err != nil || !ok {
		return nil, err
	}
	low, high := 0, len(ends)-1 // Invariant: the gang fits without the tiers up to high.
	for low < high {
		middle := (low + high) / 2
		ok, err := s.ask(s.gone(sorted[:ends[middle]]))
		if err != nil {
			return nil, err
		}
		if ok {
			high = middle
		} else {
			low = middle + 1
		}
	}
	return sorted[:ends[high]], nil
}

func (s *search) gone(works []int) []bool {
	gone := make([]bool, len(s.works))
	for _, i := range works {
		gone[i] = true
	}
	return gone
}

// reprieve gives back, of the works that are allowed to go, as many as can be, the first ones in order first, and returns
// the others; nil when it may not ask often enough to tell.
func (s *search) reprieve(allowed, order []int) ([]int, error) {
	gone := s.gone(allowed)
	if err := s.giveBack(gone, order); err != nil || s.limit < 0 {
		return nil, err
	}
	var chosen []int
	for i := range gone {
		if gone[i] {
			chosen = append(chosen, i)
		}
	}
	return chosen, nil
}

// giveBack gives back one after the other what can be. Many are tried at once: where all of them can be given back
// together, so could each by itself.
func (s *search) giveBack(gone []bool, order []int) error {
	if len(order) == 0 || s.limit < 0 {
		return nil
	}
	for _, i := range order {
		gone[i] = false
	}
	ok, err := s.ask(gone)
	if err != nil || ok {
		return err
	}
	for _, i := range order {
		gone[i] = true
	}
	if len(order) == 1 {
		return nil
	}
	half := len(order) / 2
	if err := s.giveBack(gone, order[:half]); err != nil {
		return err
	}
	return s.giveBack(gone, order[half:])
}

// byAge orders works as they are given back: the best tier first, then the oldest.
func (s *search) byAge(works []int) []int {
	return slices.SortedStableFunc(slices.Values(works), func(a, b int) int {
		x, y := &s.works[a], &s.works[b]
		return cmp.Or(tier(y, x), x.Started.Compare(y.Started))
	})
}

// byYield orders works as they are given back: the best tier first, then what frees few seats for many pods, node by node so
// that what is left is together on few nodes.
func (s *search) byYield(works []int) []int {
	yields := s.yields(works)
	return slices.SortedStableFunc(slices.Values(works), func(a, b int) int {
		x, y := &s.works[a], &s.works[b]
		return cmp.Or(tier(y, x), yields[a].compare(yields[b]), x.Started.Compare(y.Started))
	})
}

// compareChoices is negative when a is the better choice.
func compareChoices(works []Work, a, b []int) int {
	x, y := sumOf(works, a), sumOf(works, b)
	return cmp.Or(
		cmp.Compare(x.guarded, y.guarded),
		x.best.Level.Compare(y.best.Level),
		cmp.Compare(x.pods, y.pods),
		y.oldest.Started.Compare(x.oldest.Started))
}

// sum is what choices are compared by.
type sum struct {
	guarded, pods int
	best, oldest  *Work
}

func sumOf(works []Work, chosen []int) sum {
	s := sum{best: &works[chosen[0]], oldest: &works[chosen[0]]}
	for _, i := range chosen {
		w := &works[i]
		s.pods += w.Pods
		if w.Guarded {
			s.guarded++
		}
		if w.Level.Compare(s.best.Level) > 0 {
			s.best = w
		}
		if w.Started.Before(s.oldest.Started) {
			s.oldest = w
		}
	}
	return s
}
