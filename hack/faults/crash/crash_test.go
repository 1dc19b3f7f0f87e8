// SPDX-License-Identifier: Apache-2.0

//go:build integration && crashpoints

package crash

import (
	"cmp"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/muster-batch/muster/hack/kubetest"
	"github.com/muster-batch/muster/queue-api/crashpoint"
)

var (
	seeds      = flag.Int("seeds", 50, "how often each write is died at, half of it before and half after")
	firstSeed  = flag.Uint64("first-seed", 1, "the first of the seeds")
	within     = flag.Duration("within", 0, "after this time no more cases are begun; no bound if 0")
	only       = flag.String("point", "", "the only points to die at, separated by commas")
	worldCount = flag.Int("worlds", 8, "how many programs are tested at once")
)

// crashCase is one death: at the n-th hit of a point, in a workload that follows from the seed.
type crashCase struct {
	point  crashpoint.Point
	moment string
	nth    int
	seed   uint64
}

func (c *crashCase) String() string {
	return fmt.Sprintf("%s %s %d with seed %d", c.point, c.moment, c.nth, c.seed)
}

// casesOf are those of all the points of a program, seed by seed, so that those that there is no time for are spread evenly.
func casesOf(points []crashpoint.Point) []crashCase {
	var cases []crashCase
	for i := range *seeds {
		for _, p := range points {
			if *only != "" && !slices.Contains(strings.Split(*only, ","), string(p)) {
				continue
			}
			seed := *firstSeed + uint64(i)
			c := crashCase{point: p, moment: crashpoint.Before, seed: seed}
			if seed%2 == 0 { // a seed alone says all of a case
				c.moment = crashpoint.After
			}
			rng := c.rng()
			c.nth = 1 + rng.IntN(max(1, recipes[p].most))
			cases = append(cases, c)
		}
	}
	return cases
}

func (c *crashCase) rng() *rand.Rand {
	sum := uint64(0)
	for _, b := range []byte(c.point) {
		sum = sum*31 + uint64(b)
	}
	return rand.New(rand.NewPCG(c.seed, sum))
}

// outcome is what the cases came to.
type outcome struct {
	mu     sync.Mutex
	hits   map[string]int // by point and moment
	missed []string
	played int
	wrong  int
}

// TestCrashPointsOfQueueAPI has the real program, on a real Redis and a real API server, die at each of its writes, restarts it,
// waits until all that was acknowledged has come to its end, and checks what must always hold.
func TestCrashPointsOfQueueAPI(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "queue-api")
	if out, err := exec.Command("go", "build", "-tags", "kwok,crashpoints", "-o", binary, root+"/queue-api/cmd/queue-api").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	control := kubetest.Start(t)
	config, err := clientcmd.BuildConfigFromFlags("", control.Kubeconfig(kubetest.AdminToken))
	if err != nil {
		t.Fatal(err)
	}
	config.QPS = -1
	k := startKubelets(t.Context(), t, control.Client)
	cases := casesOf(Points["queue-api"])
	o := &outcome{hits: map[string]int{}}
	began := time.Now()
	play(t, k, config, binary, cases, o)
	points := map[string]bool{}
	for hit := range o.hits {
		points[strings.Fields(hit)[0]] = true
	}
	t.Logf("queue-api: %d points, %d of their moments, %d deaths in %d of %d cases, %d violations, in %v",
		len(points), len(o.hits), total(o.hits), o.played, len(cases), o.wrong, time.Since(began).Round(time.Second))
	for _, c := range o.missed {
		t.Errorf("never died: %s", c)
	}
}

func total(hits map[string]int) (n int) {
	for h := range maps.Values(hits) {
		n += h
	}
	return n
}

// play shares the cases out among worlds.
func play(t *testing.T, k *kubelets, config *rest.Config, binary string, cases []crashCase, o *outcome) {
	t.Helper()
	worlds := make([]*world, min(*worldCount, len(cases)))
	for i := range worlds {
		worlds[i] = newWorld(t, k, config, binary, i)
	}
	queue := make(chan crashCase, len(cases))
	for _, c := range cases {
		queue <- c
	}
	close(queue)
	began := time.Now()
	var work sync.WaitGroup
	for _, w := range worlds {
		work.Go(func() {
			for c := range queue {
				if *within == 0 || time.Since(began) < *within {
					w.playCase(c, o)
				}
			}
		})
	}
	work.Wait()
	for _, w := range worlds {
		if left := w.leftovers(); len(left) > 0 {
			o.wrong += len(left)
			t.Errorf("%s: left over: %s", w.name, strings.Join(left, "; "))
		}
	}
}

// tries is how often a case may have the luck not to come to its n-th hit; after the first it need only come to the first.
const tries = 4

func (w *world) playCase(c crashCase, o *outcome) {
	died := false
	var wrong []string
	for try := 0; try < tries && !died && len(wrong) == 0; try++ {
		if try > 0 {
			c.nth = 1
		}
		died, wrong = w.playOnce(&c)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.played++
	if died {
		o.hits[string(c.point)+" "+c.moment]++
	} else {
		o.missed = append(o.missed, c.String())
	}
	if len(wrong) > 0 {
		o.wrong += len(wrong)
		w.t.Errorf("%s: %s:\n\t%s\n%s", w.name, &c, strings.Join(wrong, "\n\t"), w.log())
	}
}

// playOnce plays a case and reports whether the program died, and what was wrong in the end.
func (w *world) playOnce(c *crashCase) (died bool, wrong []string) {
	w.serial++
	w.write("log", "")
	r := recipes[c.point]
	l := &workload{world: w, ctx: w.t.Context(), rng: c.rng()}
	var flags []string
	if r.flags != nil {
		flags = r.flags(w)
	}
	if r.restarts { // what is done comes before, and is what the next process finds
		l.mix(&r, r.does...)
		l.work.Wait()
		if _, wrong := l.settle(&recipe{}, nil); len(wrong) > 0 {
			return false, wrong
		}
		l.forgets = r.forgets
		w.program.kill()
		if r.down != nil {
			r.down(w)
		}
		w.arm(c)
		w.start(flags...)
		l.mix(&r)
	} else {
		w.arm(c)
		l.mix(&r, r.does...)
	}
	r.within = cmp.Or(r.within, 1500*time.Millisecond)
	died, wrong = l.settle(&r, flags)
	w.disarm()
	if flags != nil {
		w.program.kill()
		w.start()
	}
	if len(wrong) > 0 {
		return died, wrong
	}
	return died, l.check()
}

// settle restarts the program when it dies and waits until all that was asked is done and over, and longer for a death.
func (l *workload) settle(r *recipe, flags []string) (died bool, wrong []string) {
	began := time.Now()
	deadline := began.Add(patience)
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		l.work.Wait()
	}()
	isAsked := false
	for {
		select {
		case <-l.program.done:
			if !l.program.crashed() {
				return died, []string{"the program ended: " + l.program.cmd.ProcessState.String()}
			}
			died = true
			l.disarm()
			l.start(flags...)
		case <-asked:
			isAsked, asked, began = true, nil, time.Now()
		case <-time.After(60 * time.Millisecond):
		}
		if !isAsked {
			if time.Now().After(deadline) {
				_, why := l.isQuiet()
				return died, append([]string{"what was asked was never answered: " + why}, l.check()...)
			}
			continue
		}
		quiet, why := l.isQuiet()
		isDone := r.until == nil || r.until(l.world)
		switch {
		case quiet && isDone && (died || r.until != nil || time.Since(began) >= r.within):
			return died, nil
		case time.Now().After(deadline):
			return died, []string{"never quiet: " + why}
		}
	}
}
