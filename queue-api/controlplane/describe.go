// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"
	"errors"
	"maps"
	"slices"

	"k8s.io/klog/v2"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/podspec"
)

// DescribeJobs gives the jobs asked for, once each, in the order asked: jobs, children of arrays and nodes of multi-node
// jobs. AWS Batch: unknown ones are left out, be they other than a job's id.
func (s *Service) DescribeJobs(ctx context.Context, call batch.Call, in *awsapi.DescribeJobsRequest) (*awsapi.DescribeJobsResponse, error) {
	return s.describeJobs(ctx, call, in, s.reasons)
}

// Records describes jobs as they are stored: it does not look up why those that wait do.
type Records struct{ *Service }

// DescribeJobs is Service.DescribeJobs without reasons made for the occasion.
func (r Records) DescribeJobs(ctx context.Context, call batch.Call, in *awsapi.DescribeJobsRequest) (*awsapi.DescribeJobsResponse, error) {
	return r.describeJobs(ctx, call, in, func(context.Context, []*batch.Job) (map[string]string, error) { return nil, nil })
}

// reasonsOf says why each of some jobs does not run, by id.
type reasonsOf func(ctx context.Context, jobs []*batch.Job) (map[string]string, error)

func (s *Service) describeJobs(ctx context.Context, call batch.Call, in *awsapi.DescribeJobsRequest, why reasonsOf) (*awsapi.DescribeJobsResponse, error) {
	if len(in.Jobs) > maxDescribed {
		return nil, batch.Invalidf("Maximum number of jobs supported is %d", maxDescribed)
	}
	out := &awsapi.DescribeJobsResponse{Jobs: []awsapi.JobDetail{}}
	refs := uniqueRefs(in.Jobs)
	d := describer{Service: s, scope: call.Scope}
	if err := d.load(ctx, refs, why); err != nil {
		return nil, err
	}
	for _, ref := range refs {
		job, ok := d.jobs[recordID(ref)]
		if !ok || ref.Node >= job.NumNodes {
			continue
		}
		detail, err := d.describe(ctx, job, ref.Node)
		if err != nil {
			return nil, err
		}
		out.Jobs = append(out.Jobs, detail)
	}
	return out, nil
}

func uniqueRefs(asked []string) []batch.JobRef {
	refs := make([]batch.JobRef, 0, len(asked))
	seen := make(map[batch.JobRef]bool, len(asked))
	for _, id := range asked {
		if ref, ok := jobRef(id); ok && !seen[ref] {
			seen[ref] = true
			refs = append(refs, ref)
		}
	}
	return refs
}

// A describer shows the jobs of one request and looks up once what they share.
type describer struct {
	*Service

	scope       batch.Scope
	jobs        map[string]*batch.Job                        // by id, of what was asked for
	reasons     map[string]string                            // why jobs do not run, where more is to be said than is stored, by id
	definitions map[batch.DefinitionRef]*batch.JobDefinition // nil: no longer kept
	clusters    map[string]*string                           // ARNs by compute environment; nil: none known
}

// load finds the jobs that are asked for, and why they do not run.
func (d *describer) load(ctx context.Context, refs []batch.JobRef, why reasonsOf) (err error) {
	ids := make([]string, 0, len(refs))
	for _, ref := range refs {
		if id := recordID(ref); !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	if d.jobs, err = d.found(ctx, ids); err != nil {
		return err
	}
	d.reasons, err = why(ctx, slices.Collect(maps.Values(d.jobs)))
	return err
}

// describe shows a job, or the node of a job unless node is negative, with its definition applied. A job outlives its
// definition's retention, and its definition a change of rules: such a job is shown without what cannot be told any more.
func (d *describer) describe(ctx context.Context, job *batch.Job, node int) (awsapi.JobDetail, error) {
	shown := *job
	if node >= 0 {
		shown = nodeOf(job, node)
	}
	detail := jobDetail(d.scope, &shown, d.now())
	if reason := d.reasons[job.ID]; reason != "" && shown.Status == job.Status && shown.StatusReason == job.StatusReason {
		detail.StatusReason = &reason
	}
	def, err := d.definition(ctx, job.Definition)
	if err != nil {
		return detail, err
	}
	if def == nil {
		return detail, nil
	}
	if job.ShareIdentifier == "" {
		detail.SchedulingPriority = def.SchedulingPriority
	}
	detail.PlatformCapabilities = orEmpty(def.PlatformCapabilities)
	spec, err := podspec.Merge(*def, *job)
	if err != nil {
		klog.FromContext(ctx).Error(err, "Job does not go with its definition any more", "job", job.ID)
		return detail, nil
	}
	if spec.Nodes == nil {
		return detail, d.show(ctx, &detail, &shown, spec)
	}
	return detail, d.showNodes(ctx, &detail, &shown, spec, node)
}

// show adds what was asked for and what became of it, for one pod.
func (d *describer) show(ctx context.Context, detail *awsapi.JobDetail, job *batch.Job, spec podspec.Spec) error {
	switch {
	case spec.EKS != nil:
		showEKS(detail, job, podspec.EksPropertiesDetail(spec))
		return d.nameClusters(ctx, detail.EksAttempts, job.Attempts)
	case spec.ECS != nil:
		showTask(d.scope, detail, job, podspec.EcsPropertiesDetail(spec))
	default:
		showContainer(d.scope, detail, job, podspec.ContainerDetail(spec))
	}
	return nil
}

// showNodes adds what AWS Batch shows of a multi-node job: of the job itself all its properties and the main node's
// attempts, of a node its own part and which it is.
func (d *describer) showNodes(ctx context.Context, detail *awsapi.JobDetail, job *batch.Job, spec podspec.Spec, node int) error {
	if node >= 0 {
		detail.NodeDetails = &awsapi.NodeDetails{NodeIndex: &node, IsMainNode: new(node == job.MainNode)}
		return d.show(ctx, detail, job, spec.Node(node))
	}
	detail.NodeProperties = podspec.NodePropertiesDetail(spec)
	err := d.show(ctx, detail, job, spec.Node(job.MainNode))
	detail.Container, detail.EksProperties, detail.EcsProperties = nil, nil, nil
	return err
}

func (d *describer) definition(ctx context.Context, ref batch.DefinitionRef) (*batch.JobDefinition, error) {
	if def, ok := d.definitions[ref]; ok {
		return def, nil
	}
	found, err := d.Service.definitions.Definition(ctx, ref)
	def := &found
	if errors.Is(err, batch.ErrNotFound) {
		def, err = nil, nil
	}
	if err != nil {
		return nil, err
	}
	if d.definitions == nil {
		d.definitions = map[batch.DefinitionRef]*batch.JobDefinition{}
	}
	d.definitions[ref] = def
	return def, nil
}

// nameClusters adds the cluster to each attempt whose environment still says which it is.
func (d *describer) nameClusters(ctx context.Context, shown []awsapi.EksAttemptDetail, attempts []batch.Attempt) error {
	for i := range shown {
		arn, err := d.cluster(ctx, attempts[i].ComputeEnvironment)
		if err != nil {
			return err
		}
		shown[i].EksClusterArn = arn
	}
	return nil
}

func (d *describer) cluster(ctx context.Context, environment string) (*string, error) {
	if arn, ok := d.clusters[environment]; ok {
		return arn, nil
	}
	env, err := d.environments.Environment(ctx, environment)
	if err != nil && !errors.Is(err, batch.ErrNotFound) {
		return nil, err
	}
	var arn *string
	if env.EKS != nil {
		arn = given(env.EKS.ClusterARN)
	}
	if d.clusters == nil {
		d.clusters = map[string]*string{}
	}
	d.clusters[environment] = arn
	return arn, nil
}
