// SPDX-License-Identifier: Apache-2.0

//go:build integration && crashpoints

package crash

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"testing"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// worldLabel is the label of a world's nodes.
const worldLabel = "crash-world"

// startProxy lets a program see of the one API server only what is of its world: the pods and events of one namespace, and the
// nodes that have its label. So many programs can be tested at once, each of which thinks that it has a cluster to itself. It
// returns a kubeconfig.
func startProxy(t *testing.T, cluster *rest.Config, namespace string) string {
	t.Helper()
	transport, err := rest.TransportFor(cluster)
	if err != nil {
		t.Fatal(err)
	}
	target, err := url.Parse(cluster.Host)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{
		Transport: transport, FlushInterval: -1,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = ""
			narrow(r.Out, namespace)
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) }, // the caller died
	}
	server := httptest.NewServer(proxy)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	path := filepath.Join(t.TempDir(), "kubeconfig")
	cfg := clientcmdapi.NewConfig()
	cfg.Clusters["local"] = &clientcmdapi.Cluster{Server: server.URL}
	cfg.AuthInfos["user"] = &clientcmdapi.AuthInfo{}
	cfg.Contexts["local"] = &clientcmdapi.Context{Cluster: "local", AuthInfo: "user"}
	cfg.CurrentContext = "local"
	if err := clientcmd.WriteToFile(*cfg, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// narrow changes a request for all pods, events or nodes into one for those of a world.
func narrow(r *http.Request, namespace string) {
	if r.Method != http.MethodGet {
		return
	}
	switch r.URL.Path {
	case "/api/v1/pods":
		r.URL.Path = "/api/v1/namespaces/" + namespace + "/pods"
	case "/api/v1/events":
		r.URL.Path = "/api/v1/namespaces/" + namespace + "/events"
	case "/api/v1/nodes":
		query := r.URL.Query()
		selector := query.Get("labelSelector")
		if selector != "" {
			selector += ","
		}
		query.Set("labelSelector", selector+worldLabel+"="+namespace)
		r.URL.RawQuery = query.Encode()
	}
}
