// SPDX-License-Identifier: Apache-2.0

package viewapi

import "net/url"

// Paths of queue-api.
const (
	PathSimulate    = "/x/v1/simulate"    // POST a SubmitJob request; answers Simulation
	PathSummary     = "/x/v1/summary"     // GET; answers Summary
	PathSpending    = "/x/v1/spending"    // GET; answers Spending
	PathNodes       = "/x/v1/nodes"       // GET ?computeEnvironment=; answers Nodes
	PathDecisions   = "/x/v1/decisions"   // GET; answers Decisions
	PathEvents      = "/x/v1/events"      // GET ?jobQueue=&jobId=; server-sent events
	PathCredentials = "/x/v1/credentials" // GET; an access key derived from the caller's token
	PathWhoAmI      = "/x/v1/whoami"      // GET; answers WhoAmI
	PathCanI        = "/x/v1/can-i"       // POST CanIRequest; answers CanI
	PathStatus      = "/x/v1/status"      // GET; answers Status
)

// TagPaused is the tag of a job queue that is paused, with the value "true": no more of its jobs start.
const TagPaused = "muster.sh/paused"

// EventsCaughtUp is the comment on a stream of events between those of the past and those to come.
const EventsCaughtUp = "caught up"

// PathExplanation is where a job is explained: GET answers Explanation.
func PathExplanation(jobID string) string {
	return "/x/v1/jobs/" + url.PathEscape(jobID) + "/explanation"
}

// PathArray is where the statuses of an array's children are: GET answers Array.
func PathArray(jobID string) string { return "/x/v1/jobs/" + url.PathEscape(jobID) + "/array" }

// PathGang is where the members of a multi-node job are shown: GET answers Gang.
func PathGang(jobID string) string { return "/x/v1/jobs/" + url.PathEscape(jobID) + "/gang" }

// PathCost is where it is told what a job cost: GET answers JobCost.
func PathCost(jobID string) string { return "/x/v1/jobs/" + url.PathEscape(jobID) + "/cost" }
