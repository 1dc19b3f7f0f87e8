// SPDX-License-Identifier: Apache-2.0

// Package clusterview shows what is in the clusters: the nodes of compute environments with the jobs on them, what the
// autoscaler did and said lately, and the members of a multi-node job. Start with View; its answers are those of viewapi.
//
// It keeps nothing and watches nothing: it asks the API servers when somebody looks. What was read is shown to all who look
// within the next two seconds, or longer where reading took long, so that looking costs the same however many look. A cluster
// that does not answer is named with the reason; the others are shown.
//
// It decides nothing and hides nothing: who calls it leaves out what its caller may not see, as authz does for the API. An
// answer is the caller's own, to change as it likes.
package clusterview
