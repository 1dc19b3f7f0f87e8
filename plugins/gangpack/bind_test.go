// SPDX-License-Identifier: Apache-2.0

package gangpack

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	st "k8s.io/kubernetes/pkg/scheduler/testing"
)

// slowServer answers no request before it is told to.
type slowServer struct {
	requests atomic.Int32
	answer   chan struct{}
}

func (s *slowServer) RoundTrip(request *http.Request) (*http.Response, error) {
	s.requests.Add(1)
	<-s.answer
	return &http.Response{StatusCode: http.StatusCreated, Body: http.NoBody, Header: http.Header{}, Request: request}, nil
}

func TestBindsOfALargeGangAreWrittenAFewAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &slowServer{answer: make(chan struct{})}
		client, err := kubernetes.NewForConfig(&rest.Config{Host: "http://api", Transport: server, QPS: -1})
		if err != nil {
			t.Fatal(err)
		}
		nodes := informers.NewSharedInformerFactory(client, 0).Core().V1().Nodes()
		if err := nodes.Informer().GetStore().Add(st.MakeNode().Name("n").Obj()); err != nil {
			t.Fatal(err)
		}
		g := newGangPack(client, nodes.Lister())
		ctx, cancel := context.WithCancel(t.Context())
		var binding sync.WaitGroup
		var failed atomic.Int32
		const members = 5 * bindsAtOnce
		for range members {
			binding.Go(func() {
				if status := g.Bind(ctx, nil, st.MakePod().Namespace("ns").Name("p").Obj(), "n"); status.Code() == framework.Error {
					failed.Add(1)
				}
			})
		}
		synctest.Wait()
		if n := server.requests.Load(); n != bindsAtOnce {
			t.Errorf("%d requests at once, want %d", n, bindsAtOnce)
		}
		for range bindsAtOnce {
			server.answer <- struct{}{}
		}
		synctest.Wait()
		if n := server.requests.Load(); n != 2*bindsAtOnce {
			t.Errorf("%d requests when the first are answered, want %d", n, 2*bindsAtOnce)
		}
		cancel() // the scheduler ends: nothing more is sent
		close(server.answer)
		binding.Wait()
		if n := server.requests.Load(); n != 2*bindsAtOnce {
			t.Errorf("%d requests in the end, want %d", n, 2*bindsAtOnce)
		}
		if n := failed.Load(); n < members-2*bindsAtOnce {
			t.Errorf("%d members were told that they are not bound", n)
		}
	})
}
