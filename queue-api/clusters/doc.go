// SPDX-License-Identifier: Apache-2.0

// Package clusters knows the Kubernetes clusters that compute environments may name besides the one that queue-api is in, its
// home. Start with Registry, which reads a directory of kubeconfigs, and Link, which knows whether one of them answers.
//
// A registration is a file of the directory, as a mounted Secret has one for each of its keys; hidden ones are left out. It is
// for the eksClusterArn that the kubeconfig's current context calls its cluster by, as `aws eks update-kubeconfig` writes it;
// if that is no ARN, for those of any region and account that end in the file's name, without what follows its first full stop.
//
//	west.yaml, cluster "arn:aws:eks:us-west-2:123456789012:cluster/west"   that ARN
//	west.yaml, cluster "kubernetes"                                        arn:…:cluster/west
//
// A Link is open while the API server answers. The first failure closes it; what is asked then fails at once with batch.ErrNotSent,
// so that nobody waits for one cluster who has work for another. Meanwhile a probe goes out every two seconds and opens it
// again. Nothing is concluded from silence: what a closed link hides may be running.
package clusters
