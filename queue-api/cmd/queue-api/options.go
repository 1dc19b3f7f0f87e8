// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/muster-batch/muster/queue-api/controlplane"
	"github.com/muster-batch/muster/queue-api/dispatch"
	"github.com/muster-batch/muster/queue-api/podspec"
	"github.com/muster-batch/muster/queue-api/redisstore"
)

// options are the program's flags by what they concern.
type options struct {
	apiOptions
	authOptions
	tlsOptions
	storeOptions
	clusterOptions
	podOptions
	limitOptions
	dispatchOptions
	eventOptions
	logOptions
	consoleOptions
}

// addFlags declares every flag with its default.
func (o *options) addFlags(fs *pflag.FlagSet) {
	o.apiOptions.addFlags(fs)
	o.authOptions.addFlags(fs)
	o.tlsOptions.addFlags(fs)
	o.storeOptions.addFlags(fs)
	o.clusterOptions.addFlags(fs)
	o.podOptions.addFlags(fs)
	o.limitOptions.addFlags(fs)
	o.dispatchOptions.addFlags(fs)
	o.eventOptions.addFlags(fs)
	o.logOptions.addFlags(fs)
	o.consoleOptions.addFlags(fs)
}

// validate checks what flags alone can tell.
func (o *options) validate() error {
	return errors.Join(o.apiOptions.validate(), o.authOptions.validate(o.listen), o.tlsOptions.validate(), o.storeOptions.validate(), o.clusterOptions.validate(), o.podOptions.validate(),
		o.limitOptions.validate(), o.dispatchOptions.validate(), o.eventOptions.validate(), o.logOptions.validate(), o.consoleOptions.validate())
}

// service configures the Batch operations.
func (o *options) service() (controlplane.Config, error) {
	pod, err := o.pod()
	return controlplane.Config{
		MaxArraySize: o.maxArraySize, MaxDependencies: o.maxDependencies, MaxNodes: o.maxNodes, Pod: pod,
	}, err
}

// dispatcher configures admission.
func (o *options) dispatcher() (dispatch.Config, error) {
	pod, err := o.pod()
	pod.MaxNodes = o.maxNodes
	return dispatch.Config{Pod: pod, Backfill: o.backfill, BackfillFor: o.backfillFor, HeadRoom: o.headRoom}, err
}

// apiOptions are the API's.
type apiOptions struct {
	listen        string
	healthAddress string
	region        string
	account       string
	drain         time.Duration
}

func (o *apiOptions) addFlags(fs *pflag.FlagSet) {
	fs.StringVar(&o.listen, "listen", "127.0.0.1:8080", "Address of the Batch API.")
	fs.StringVar(&o.healthAddress, "health-address", "127.0.0.1:8081", "Address of /healthz, /readyz and /metrics.")
	fs.StringVar(&o.region, "region", "us-east-1", "Region in the ARNs of replies to clients that sign for none.")
	fs.StringVar(&o.account, "account-id", "123456789012", "Account in ARNs, 12 digits.")
	fs.DurationVar(&o.drain, "shutdown-delay", 0, "For how long requests are taken on after the program was told to end, while it is not ready any more: as long as a balancer takes to notice.")
}

func (o *apiOptions) validate() error {
	if _, _, err := net.SplitHostPort(o.listen); err != nil {
		return fmt.Errorf("--listen: %w", err)
	}
	if o.drain < 0 {
		return errors.New("--shutdown-delay must not be negative")
	}
	return nil
}

// storeOptions say where jobs are kept, and for how long.
type storeOptions struct {
	redisURL   string
	dataDir    string
	durability string
	dev        bool
	retention  time.Duration
}

func (o *storeOptions) addFlags(fs *pflag.FlagSet) {
	fs.StringVar(&o.redisURL, "redis-url", os.Getenv("MUSTER_REDIS_URL"), "Redis to use: redis://, rediss:// or unix:// of one server, redis+sentinel://SENTINEL,…/MASTER or redis+cluster://NODE,…; "+
		"default from MUSTER_REDIS_URL, which keeps a password off the command line. Without one a redis-server is started as a child.")
	fs.StringVar(&o.dataDir, "data-dir", filepath.Join(os.TempDir(), "muster-queue-api"), "Folder of the child redis-server's data.")
	fs.StringVar(&o.durability, "durability", string(redisstore.Fsync), "When a write counts as done: fsync (on disk), replicated (on a replica too) or relaxed (within two seconds).")
	fs.BoolVar(&o.dev, "dev", false, "Without --redis-url and without an installed redis-server, keep everything in memory: nothing survives a restart.")
	fs.DurationVar(&o.retention, "job-retention", 7*24*time.Hour, "How long finished jobs can be described.")
}

func (o *storeOptions) validate() error {
	if _, err := redisstore.ParseDurability(o.durability); err != nil {
		return fmt.Errorf("--durability: %w", err)
	}
	if o.retention < time.Second {
		return errors.New("--job-retention must be at least 1s")
	}
	return nil
}

// podOptions say what pods are like whose definition does not say, and how long they are kept.
type podOptions struct {
	namespace      string
	hostNetwork    bool
	finishedPodTTL time.Duration
	pullTimeout    time.Duration
	roles          []string // role=account
	volumes        []string // file system=volume
}

func (o *podOptions) addFlags(fs *pflag.FlagSet) {
	fs.StringVar(&o.namespace, "namespace", "muster-jobs", "Namespace of pods whose compute environment and definition name none.")
	fs.BoolVar(&o.hostNetwork, "host-network", true, "Pods use the host's network unless their definition says otherwise, as in AWS Batch.")
	fs.DurationVar(&o.finishedPodTTL, "finished-pod-ttl", 30*time.Second, "How long a finished pod is kept, for kubectl logs.")
	fs.DurationVar(&o.pullTimeout, "image-pull-timeout", 2*time.Minute, "How long a container may fail to start, as when its image cannot be pulled, before its attempt fails.")
	fs.StringArrayVar(&o.roles, "role-service-account", nil, "The service account, of the pod's namespace, that stands for an IAM role: ROLE=ACCOUNT, where ROLE is the role's ARN, its name, or * for every other role. May be repeated.")
	fs.StringArrayVar(&o.volumes, "efs-volume", nil, "The volume that stands for an Amazon EFS file system: ID=CLAIM or ID=nfs://SERVER/PATH, where ID is the file system's or an access point's and CLAIM a PersistentVolumeClaim of the pod's namespace. May be repeated.")
}

func (o *podOptions) validate() error {
	if o.finishedPodTTL < 0 || o.pullTimeout <= 0 {
		return errors.New("--image-pull-timeout must be positive, --finished-pod-ttl not negative")
	}
	_, err := o.pod()
	return err
}

// pod gives the defaults and translations of pods.
func (o *podOptions) pod() (podspec.Options, error) {
	opts := podspec.Options{
		Namespace: o.namespace, HostNetwork: o.hostNetwork,
		ServiceAccounts: map[string]string{}, FileSystems: map[string]podspec.FileSystem{},
	}
	for _, role := range o.roles {
		i := strings.LastIndex(role, "=") // names of IAM roles may have some
		if i < 1 || len(validation.IsDNS1123Subdomain(role[i+1:])) > 0 {
			return opts, fmt.Errorf("--role-service-account %s: must be ROLE=ACCOUNT, with the name of a service account", role)
		}
		opts.ServiceAccounts[role[:i]] = role[i+1:]
	}
	for _, volume := range o.volumes {
		id, text, found := strings.Cut(volume, "=")
		fs, err := podspec.ParseFileSystem(text)
		if !found || id == "" || err != nil {
			return opts, fmt.Errorf("--efs-volume %s: must be ID=CLAIM or ID=nfs://SERVER/PATH", volume)
		}
		opts.FileSystems[id] = fs
	}
	return opts, nil
}

// limitOptions are AWS Batch's quotas, which an installation of one's own may lift, and what keeps one caller from taking
// everything.
type limitOptions struct {
	maxArraySize    int
	maxDependencies int
	maxNodes        int
	maxQueueJobs    int
	maxConnections  int
	maxRequests     int
	submitRate      float32
	submitRateTotal float32
}

func (o *limitOptions) addFlags(fs *pflag.FlagSet) {
	fs.IntVar(&o.maxArraySize, "max-array-size", 10_000, "Most children of an array job.")
	fs.IntVar(&o.maxDependencies, "max-dependencies", 20, "Most jobs that one job may depend on.")
	fs.IntVar(&o.maxNodes, "max-nodes", 1000, "Most nodes of a multi-node parallel job.")
	fs.IntVar(&o.maxQueueJobs, "max-queue-jobs", 1_000_000, "Most jobs of a queue that are not finished, an array being one; 0 for any number.")
	fs.IntVar(&o.maxConnections, "max-connections", 4096, "Most connections to the Batch API at once; those beyond wait.")
	fs.IntVar(&o.maxRequests, "max-requests", 1024, "Most requests that are answered at once; those beyond get a TooManyRequestsException.")
	fs.Float32Var(&o.submitRate, "submit-rate", 1000, "Most jobs that one caller submits in a second, twice as many in a burst; those beyond get a TooManyRequestsException. 0 for no bound.")
	fs.Float32Var(&o.submitRateTotal, "submit-rate-total", 0, "The same for all callers together.")
}

func (o *limitOptions) validate() error {
	if o.maxArraySize < 2 || o.maxDependencies < 1 || o.maxNodes < 1 {
		return errors.New("--max-array-size must be at least 2, --max-dependencies and --max-nodes at least 1")
	}
	if o.maxConnections < 1 || o.maxRequests < 1 {
		return errors.New("--max-connections and --max-requests must be at least 1")
	}
	if o.maxQueueJobs < 0 || o.submitRate < 0 || o.submitRateTotal < 0 {
		return errors.New("--max-queue-jobs, --submit-rate and --submit-rate-total must not be negative")
	}
	return nil
}

// dispatchOptions say in which order waiting jobs are admitted.
type dispatchOptions struct {
	backfill    int
	backfillFor time.Duration
	headRoom    time.Duration
}

func (o *dispatchOptions) addFlags(fs *pflag.FlagSet) {
	fs.IntVar(&o.backfill, "backfill", 0, "How many jobs behind the head of a queue may be tried while it does not fit; 0 holds all of them back.")
	fs.DurationVar(&o.backfillFor, "backfill-for", 10*time.Minute, "For how long a head that does not fit may be overtaken; then it holds the others back.")
	fs.DurationVar(&o.headRoom, "head-room", 10*time.Minute,
		"For how long at first a head that does not fit keeps what is left of an environment from queues of lower priority; 0 never does.")
}

func (o *dispatchOptions) validate() error {
	if o.backfill < 0 || o.backfillFor < 0 || o.headRoom < 0 {
		return errors.New("--backfill, --backfill-for and --head-room must not be negative")
	}
	return nil
}
