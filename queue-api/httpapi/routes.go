// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"net/http"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/explain"
)

// routes is the index of the API.
func (s *Server) routes(plane ControlPlane, cfg Config) http.Handler {
	mux := http.NewServeMux()

	mux.Handle("POST /v1/createcomputeenvironment", op(s, "CreateComputeEnvironment", plane.CreateComputeEnvironment))
	mux.Handle("POST /v1/describecomputeenvironments", op(s, "DescribeComputeEnvironments", plane.DescribeComputeEnvironments))
	mux.Handle("POST /v1/updatecomputeenvironment", op(s, "UpdateComputeEnvironment", plane.UpdateComputeEnvironment))
	mux.Handle("POST /v1/deletecomputeenvironment", op(s, "DeleteComputeEnvironment", plane.DeleteComputeEnvironment))

	mux.Handle("POST /v1/createjobqueue", op(s, "CreateJobQueue", plane.CreateJobQueue))
	mux.Handle("POST /v1/describejobqueues", op(s, "DescribeJobQueues", plane.DescribeJobQueues))
	mux.Handle("POST /v1/updatejobqueue", op(s, "UpdateJobQueue", plane.UpdateJobQueue))
	mux.Handle("POST /v1/deletejobqueue", op(s, "DeleteJobQueue", plane.DeleteJobQueue))
	mux.Handle("POST /v1/getjobqueuesnapshot", op(s, "GetJobQueueSnapshot", plane.GetJobQueueSnapshot))

	mux.Handle("POST /v1/registerjobdefinition", op(s, "RegisterJobDefinition", plane.RegisterJobDefinition))
	mux.Handle("POST /v1/describejobdefinitions", op(s, "DescribeJobDefinitions", plane.DescribeJobDefinitions))
	mux.Handle("POST /v1/deregisterjobdefinition", op(s, "DeregisterJobDefinition", plane.DeregisterJobDefinition))

	mux.Handle("POST /v1/submitjob", op(s, "SubmitJob", plane.SubmitJob))
	mux.Handle("POST /v1/describejobs", op(s, "DescribeJobs", plane.DescribeJobs))
	mux.Handle("POST /v1/listjobs", op(s, "ListJobs", plane.ListJobs))
	mux.Handle("POST /v1/canceljob", op(s, "CancelJob", plane.CancelJob))
	mux.Handle("POST /v1/terminatejob", op(s, "TerminateJob", plane.TerminateJob))
	mux.Handle("POST /v1/canceljobs", op(s, "CancelJobs", plane.CancelJobs))
	mux.Handle("POST /v1/terminatejobs", op(s, "TerminateJobs", plane.TerminateJobs))

	mux.Handle("POST /v1/createschedulingpolicy", op(s, "CreateSchedulingPolicy", plane.CreateSchedulingPolicy))
	mux.Handle("POST /v1/describeschedulingpolicies", op(s, "DescribeSchedulingPolicies", plane.DescribeSchedulingPolicies))
	mux.Handle("POST /v1/listschedulingpolicies", op(s, "ListSchedulingPolicies", plane.ListSchedulingPolicies))
	mux.Handle("POST /v1/updateschedulingpolicy", op(s, "UpdateSchedulingPolicy", plane.UpdateSchedulingPolicy))
	mux.Handle("POST /v1/deleteschedulingpolicy", op(s, "DeleteSchedulingPolicy", plane.DeleteSchedulingPolicy))

	mux.Handle("POST /v1/createconsumableresource", op(s, "CreateConsumableResource", plane.CreateConsumableResource))
	mux.Handle("POST /v1/describeconsumableresource", op(s, "DescribeConsumableResource", plane.DescribeConsumableResource))
	mux.Handle("POST /v1/listconsumableresources", op(s, "ListConsumableResources", plane.ListConsumableResources))
	mux.Handle("POST /v1/listjobsbyconsumableresource", op(s, "ListJobsByConsumableResource", plane.ListJobsByConsumableResource))
	mux.Handle("POST /v1/updateconsumableresource", op(s, "UpdateConsumableResource", plane.UpdateConsumableResource))
	mux.Handle("POST /v1/deleteconsumableresource", op(s, "DeleteConsumableResource", plane.DeleteConsumableResource))

	mux.Handle("GET /x/v1/jobs/{id}/explanation", located(s, "ExplainJob", func(r *http.Request, in *explain.Request) {
		in.JobID = r.PathValue("id")
	}, plane.ExplainJob))
	mux.Handle("POST /x/v1/simulate", op(s, opSimulateJob, plane.SimulateJob))

	s.outOfScope(mux)
	s.ours(mux, cfg)
	mux.Handle("/", s.unknown())
	return plainPaths(mux, s.tags(plane), s.unknown())
}

// ours routes what AWS Batch does not have.
func (s *Server) ours(mux *http.ServeMux, cfg Config) {
	mux.Handle("GET /x/v1/whoami", s.whoAmI())
	mux.Handle("POST /x/v1/can-i", s.canI())
	if cfg.Status != nil {
		mux.Handle("GET /x/v1/status", s.status(cfg.Status))
	}
	if cfg.Clusters != nil {
		mux.Handle("GET /x/v1/nodes", s.nodes(cfg.Clusters))
		mux.Handle("GET /x/v1/decisions", s.decisions(cfg.Clusters))
		mux.Handle("GET /x/v1/jobs/{id}/gang", s.gang(cfg.Clusters))
	}
	if cfg.Views != nil {
		mux.Handle("GET /x/v1/summary", s.summary(cfg.Views))
		mux.Handle("GET /x/v1/jobs/{id}/array", s.array(cfg.Views))
		mux.Handle("GET /x/v1/spending", s.spending(cfg.Views))
		mux.Handle("GET /x/v1/jobs/{id}/cost", s.jobCost(cfg.Views))
	}
	if cfg.Credentials != nil {
		mux.Handle("GET /x/v1/credentials", s.credentials(cfg.Credentials))
	}
	if cfg.Events != nil {
		mux.Handle("GET /x/v1/events", s.events(cfg.Events))
	}
	if cfg.Logs != nil {
		mux.Handle("POST /{$}", s.logs(cfg.Logs))
	}
}

// outOfScope routes what this server will not have: SageMaker's service environments and service jobs, and quota shares.
// Those that list have nothing to list.
func (s *Server) outOfScope(mux *http.ServeMux) {
	mux.Handle("POST /v1/createserviceenvironment", s.unsupported("CreateServiceEnvironment"))
	mux.Handle("POST /v1/describeserviceenvironments", op(s, "DescribeServiceEnvironments", noServiceEnvironments))
	mux.Handle("POST /v1/updateserviceenvironment", s.unsupported("UpdateServiceEnvironment"))
	mux.Handle("POST /v1/deleteserviceenvironment", s.unsupported("DeleteServiceEnvironment"))

	mux.Handle("POST /v1/submitservicejob", s.unsupported("SubmitServiceJob"))
	mux.Handle("POST /v1/describeservicejob", s.unsupported("DescribeServiceJob"))
	mux.Handle("POST /v1/listservicejobs", op(s, "ListServiceJobs", noServiceJobs))
	mux.Handle("POST /v1/updateservicejob", s.unsupported("UpdateServiceJob"))
	mux.Handle("POST /v1/terminateservicejob", s.unsupported("TerminateServiceJob"))
	mux.Handle("POST /v1/terminateservicejobs", s.unsupported("TerminateServiceJobs"))

	mux.Handle("POST /v1/createquotashare", s.unsupported("CreateQuotaShare"))
	mux.Handle("POST /v1/describequotashare", s.unsupported("DescribeQuotaShare"))
	mux.Handle("POST /v1/listquotashares", op(s, "ListQuotaShares", noQuotaShares))
	mux.Handle("POST /v1/updatequotashare", s.unsupported("UpdateQuotaShare"))
	mux.Handle("POST /v1/deletequotashare", s.unsupported("DeleteQuotaShare"))
}

// tags routes by method alone: what follows /v1/tags/ is an ARN, escaped or not.
func (s *Server) tags(plane Tags) http.Handler {
	return methods{
		http.MethodGet: located(s, "ListTagsForResource", func(r *http.Request, in *awsapi.ListTagsForResourceRequest) {
			in.ResourceArn = resourceARN(r)
		}, plane.ListTagsForResource),
		http.MethodPost: located(s, "TagResource", func(r *http.Request, in *awsapi.TagResourceRequest) {
			in.ResourceArn = resourceARN(r)
		}, plane.TagResource),
		http.MethodDelete: located(s, "UntagResource", func(r *http.Request, in *awsapi.UntagResourceRequest) {
			in.ResourceArn, in.TagKeys = resourceARN(r), r.URL.Query()["tagKeys"]
		}, plane.UntagResource),
	}.or(s.unknown())
}
