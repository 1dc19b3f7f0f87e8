// SPDX-License-Identifier: Apache-2.0

package stack

import (
	"fmt"
	"net/url"
	"path/filepath"
	"strconv"

	"k8s.io/client-go/tools/clientcmd"

	"github.com/muster-batch/muster/hack/faults/cable"
	"github.com/muster-batch/muster/hack/localcluster/daemon"
)

// The processes that are alone, and the programs of which there are replicas, named by a number.
const (
	Redis      = "redis"
	Etcd       = "etcd"
	APIServer  = "kube-apiserver"
	Controller = "kube-controller-manager"

	QueueAPI   = "queue-api"
	Scheduler  = "batch-scheduler"
	Autoscaler = "batch-autoscaler"
)

// EKSCluster and InterruptionQueue are what the cloud must be told that the autoscaler is told, too.
const (
	EKSCluster        = "local"
	InterruptionQueue = "muster-local"
	Namespace         = "muster-jobs"
)

// credentials are for the AWS SDK, which signs nothing without some.
var credentials = []string{"AWS_ACCESS_KEY_ID=local", "AWS_SECRET_ACCESS_KEY=local", "AWS_REGION=us-east-1"}

// Ports, counted from the base; those of replica i lie i after the first's.
const (
	portAPI = 40 + 10*iota
	portHealth
	portScheduler
	portAutoscaler
)

// addPrograms lays the cables and says how each replica is started.
func (s *Stack) addPrograms() error {
	var apis []string
	for i := range s.cfg.Replicas {
		apis = append(apis, s.address(portAPI+i))
	}
	api, err := s.lay("clients api", apis...)
	if err != nil {
		return err
	}
	s.API = "http://" + api
	for i := range s.cfg.Replicas {
		for _, program := range []struct {
			name string
			args func(name string, i int) ([]string, error)
		}{{QueueAPI, s.queueAPI}, {Scheduler, s.scheduler}, {Autoscaler, s.autoscaler}} {
			name := program.name + "-" + strconv.Itoa(i+1)
			args, err := program.args(name, i)
			if err != nil {
				return fmt.Errorf("prepare %s: %w", name, err)
			}
			s.Processes = append(s.Processes, &Process{set: s.set(), program: daemon.Program{
				Name: name, Path: filepath.Join(s.cfg.Programs, program.name), Args: args, Env: credentials,
			}})
		}
	}
	return nil
}

func (s *Stack) address(offset int) string { return "127.0.0.1:" + strconv.Itoa(s.base+offset) }

// lay lays a cable and returns its near end.
func (s *Stack) lay(name string, targets ...string) (string, error) {
	c, err := cable.New(targets...)
	if err != nil {
		return "", err
	}
	s.Cables[name] = c
	return c.Address(), nil
}

// kubeconfig is a program's own, by which it reaches the API server over a cable of the replica's.
func (s *Stack) kubeconfig(name, program string) (string, error) {
	cfg, err := clientcmd.LoadFromFile(filepath.Join(s.cfg.Dir, "work", program+".kubeconfig"))
	if err != nil {
		return "", err
	}
	for _, cluster := range cfg.Clusters {
		server, err := url.Parse(cluster.Server)
		if err != nil {
			return "", err
		}
		if server.Host, err = s.lay(name+" kubernetes", server.Host); err != nil {
			return "", err
		}
		cluster.Server = server.String()
	}
	path := filepath.Join(s.cfg.Dir, "work", name+".kubeconfig")
	return path, clientcmd.WriteToFile(*cfg, path)
}

func (s *Stack) queueAPI(name string, i int) ([]string, error) {
	kubeconfig, err := s.kubeconfig(name, QueueAPI)
	if err != nil {
		return nil, err
	}
	redis, err := s.lay(name+" redis", s.Redis)
	return []string{
		"--listen=" + s.address(portAPI+i), "--health-address=" + s.address(portHealth+i), "--redis-url=redis://" + redis + "/0",
		"--kubeconfig=" + kubeconfig, "--namespace=" + Namespace, "--finished-pod-ttl=1s",
	}, err
}

func (s *Stack) scheduler(name string, i int) ([]string, error) {
	kubeconfig, err := s.kubeconfig(name, Scheduler)
	return []string{
		"--kubeconfig=" + kubeconfig, "--authentication-kubeconfig=" + kubeconfig, "--authorization-kubeconfig=" + kubeconfig,
		"--bind-address=127.0.0.1", "--secure-port=" + strconv.Itoa(s.base+portScheduler+i),
		"--tls-cert-file=" + filepath.Join(s.cfg.Dir, "pki/server.crt"), "--tls-private-key-file=" + filepath.Join(s.cfg.Dir, "pki/server.key"),
		"--leader-elect-lease-duration=4s", "--leader-elect-renew-deadline=3s", "--leader-elect-retry-period=500ms",
	}, err
}

func (s *Stack) autoscaler(name string, i int) ([]string, error) {
	kubeconfig, err := s.kubeconfig(name, Autoscaler)
	if err != nil {
		return nil, err
	}
	cloud, err := s.lay(name+" cloud", s.cfg.EC2)
	if err != nil {
		return nil, err
	}
	api, err := s.lay(name+" api", s.address(portAPI), s.address(portAPI+s.cfg.Replicas-1))
	return []string{
		"--kubeconfig=" + kubeconfig, "--batch-endpoint=http://" + api, "--health-address=" + s.address(portAutoscaler+i),
		"--leader-elect-lease-duration=4s", "--scale-down-delay=3s", "--node-delete-delay=2s", "--max-node-provision-time=45s",
		"--initial-node-group-backoff=1s", "--max-node-group-backoff=10s",
		"--fleet=ec2", "--ec2-cluster=" + EKSCluster, "--ec2-endpoint=http://" + cloud, "--ec2-instance-role=node",
		"--ec2-interruption-queue=" + InterruptionQueue,
	}, err
}
