// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/yaml"
)

// controlPlane is an etcd and an API server, which all sides use in turn. Its flags are scheduler_perf's where those matter.
type controlPlane struct {
	client     *kubernetes.Clientset // of no limit
	kubeconfig string
	processes  []*process
}

// startControlPlane starts a control plane with PodGroups and so many nodes.
func (b *bench) startControlPlane(ctx context.Context, nodes nodes) (_ *controlPlane, err error) {
	c := &controlPlane{}
	defer func() {
		if err != nil {
			c.stop()
		}
	}()
	dir, err := os.MkdirTemp(b.dir, "control-plane-")
	if err != nil {
		return nil, err
	}
	etcd, err := c.startEtcd(ctx, dir, b.programs.etcd)
	if err != nil {
		return nil, err
	}
	if err := c.startAPIServer(ctx, dir, b.programs.apiServer, etcd); err != nil {
		return nil, err
	}
	if err := c.definePodGroups(ctx, b.programs.podGroups); err != nil {
		return nil, err
	}
	return c, c.createNodes(ctx, nodes)
}

func (c *controlPlane) stop() {
	for _, p := range c.processes {
		p.kill()
	}
}

func (c *controlPlane) start(ctx context.Context, dir, program string, args ...string) error {
	p, err := start(ctx, dir, program, args...)
	if err == nil {
		c.processes = append(c.processes, p)
	}
	return err
}

// startEtcd starts an etcd that does not wait for the disk, which is nobody's subject here.
func (c *controlPlane) startEtcd(ctx context.Context, dir, program string) (url string, err error) {
	port, err := freePort()
	if err != nil {
		return "", err
	}
	url = "http://127.0.0.1:" + port
	return url, c.start(ctx, dir, program, "--data-dir="+filepath.Join(dir, "etcd"), "--unsafe-no-fsync", "--log-level=error",
		"--quota-backend-bytes=8589934592", "--listen-client-urls="+url, "--advertise-client-urls="+url,
		"--listen-peer-urls=http://127.0.0.1:0")
}

func (c *controlPlane) startAPIServer(ctx context.Context, dir, program, etcd string) error {
	port, err := freePort()
	if err != nil {
		return err
	}
	host, token := "https://127.0.0.1:"+port, string(uuid.NewUUID())
	key, tokens := filepath.Join(dir, "service-accounts.key"), filepath.Join(dir, "tokens.csv")
	if err := writeKey(key); err != nil {
		return fmt.Errorf("write the key of service accounts: %w", err)
	}
	if err := os.WriteFile(tokens, []byte(token+",admin,1,system:masters\n"), 0o600); err != nil {
		return err
	}
	err = c.start(ctx, dir, program, "--etcd-servers="+etcd, "--bind-address=127.0.0.1", "--secure-port="+port,
		"--cert-dir="+filepath.Join(dir, "certs"), "--token-auth-file="+tokens, "--authorization-mode=RBAC",
		"--service-cluster-ip-range=10.0.0.0/16", "--endpoint-reconciler-type=none",
		"--service-account-issuer=https://kubernetes.default.svc", "--service-account-key-file="+key, "--service-account-signing-key-file="+key,
		"--disable-admission-plugins=ServiceAccount,TaintNodesByCondition,Priority", "--delete-collection-workers=8")
	if err != nil {
		return err
	}
	c.client, err = kubernetes.NewForConfig(&rest.Config{
		Host: host, BearerToken: token, TLSClientConfig: rest.TLSClientConfig{Insecure: true}, QPS: -1,
		ContentConfig: rest.ContentConfig{ContentType: "application/vnd.kubernetes.protobuf", AcceptContentTypes: "application/vnd.kubernetes.protobuf,application/json"},
	})
	if err != nil {
		return fmt.Errorf("make a client: %w", err)
	}
	c.kubeconfig = filepath.Join(dir, "kubeconfig")
	if err := writeKubeconfig(c.kubeconfig, host, token); err != nil {
		return fmt.Errorf("write a kubeconfig: %w", err)
	}
	err = await(ctx, "the API server is ready", 2*time.Minute, func() bool {
		return c.client.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error() == nil
	})
	if err != nil {
		return fmt.Errorf("%w\n%s", err, c.processes[len(c.processes)-1].tail())
	}
	return nil
}

// definePodGroups creates the CustomResourceDefinition in a file and waits until it is served.
func (c *controlPlane) definePodGroups(ctx context.Context, path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read the definition of PodGroup: %w", err)
	}
	definition, err := yaml.YAMLToJSON(text)
	if err != nil {
		return fmt.Errorf("read the definition of PodGroup: %w", err)
	}
	r := c.client.Discovery().RESTClient()
	err = r.Post().AbsPath("/apis/apiextensions.k8s.io/v1/customresourcedefinitions").
		SetHeader("Content-Type", "application/json").Body(definition).Do(ctx).Error()
	if err != nil {
		return fmt.Errorf("create the definition of PodGroup: %w", err)
	}
	return await(ctx, "PodGroups are served", time.Minute, func() bool {
		return r.Get().AbsPath(podGroupsPath+"/podgroups").Do(ctx).Error() == nil
	})
}

func writeKey(path string) error {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	block := &pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}
	return os.WriteFile(path, pem.EncodeToMemory(block), 0o600)
}

func writeKubeconfig(path, host, token string) error {
	cfg := clientcmdapi.NewConfig()
	cfg.Clusters["local"] = &clientcmdapi.Cluster{Server: host, InsecureSkipTLSVerify: true}
	cfg.AuthInfos["user"] = &clientcmdapi.AuthInfo{Token: token}
	cfg.Contexts["local"] = &clientcmdapi.Context{Cluster: "local", AuthInfo: "user"}
	cfg.CurrentContext = "local"
	return clientcmd.WriteToFile(*cfg, path)
}
