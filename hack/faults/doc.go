// SPDX-License-Identifier: Apache-2.0

// Command faults attacks a whole Muster for a while and then says whether its promises held. It starts Redis, etcd,
// kube-apiserver and two replicas of each of the three programs, gives them a fake EC2 whose machines only pretend to run
// pods but write down what they would have run, lets users submit jobs by AWS's own SDK, and meanwhile kills, stops, cuts
// off, deletes, takes back and fills whatever there is. What it does follows from -seed.
//
//	faults -localcluster=bin/localcluster -programs=bin/race -seed=1 -kills=200 -jobs=1500 -within=4m
//
// It ends with 1 if any promise was broken, and says which and where the logs are. Reading order: rig.go, then packages stack
// (what runs), machines (what the cloud and the kubelets do), workload (the users), nemesis (the attacks), check (the promises).
package main
