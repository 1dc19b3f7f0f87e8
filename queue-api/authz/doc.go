// SPDX-License-Identifier: Apache-2.0

// Package authz says what a caller of the Batch API may do. Kubernetes decides: every operation is turned into questions
// (SubjectAccessReview) about resources of the group batch.muster.sh, which exist for RBAC alone, so that ClusterRoles and
// their bindings are all there is to administer. Start with rules.go, which has the questions of every operation.
//
//	resource               name                 verbs
//	computeenvironments    of the environment   create get list update delete tag, use (in a queue)
//	jobqueues              of the queue         create get list update delete tag submit
//	jobdefinitions         without revision     create get list delete tag submit
//	schedulingpolicies     of the policy        create get list update delete tag, use (in a queue)
//	consumableresources    of the resource      create get list update delete tag, use (by a job)
//	jobs                   of the job's queue   get list cancel terminate tag
//	privileges             Privileged, HostNetwork, HostPID, HostIPC      use, in the pods' namespace
//	hostpaths              the path             use, in the pods' namespace
//	nfsvolumes             server:/path         use, in the pods' namespace
//	pods                                        manage, in their namespace: asked by the admission policy of manifests alone
//
// Describe and List operations that name what they want need get on each; those that name nothing show what the caller has
// list on the whole kind or get on each for. DescribeJobs leaves out jobs of queues that the caller may not see, as if they
// did not exist.
//
// What a job names is asked about in Kubernetes' own terms, in the namespace of its pods: serviceaccounts impersonate,
// secrets get, persistentvolumeclaims get, and pods create if the definition or environment chooses the namespace. So the
// ClusterRole edit, bound in a namespace, lets jobs do there what its owner could do by hand. The pods are also held to the
// namespace's Pod Security level, as the API server will.
//
// Answers are remembered for ten seconds. What cannot be asked is not allowed.
package authz
