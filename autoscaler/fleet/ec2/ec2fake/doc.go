// SPDX-License-Identifier: Apache-2.0

// Package ec2fake is Amazon EC2 as a fleet sees it, for tests: an HTTP server that speaks EC2's Query protocol, so that the
// real SDK client runs against it, with pools of capacity that run dry, for good, for a while or by chance, quotas, client
// tokens, launch templates, lists that lag behind and come in pages, throttling, lost replies and reclaimed Spot instances. The
// one question each that a fleet asks of Systems Manager and EKS it answers, too. Start with Cloud; KubeletOf reads user data
// as the images of EKS do, and NodeOf tells what node an instance becomes by it. hack/ec2fake is the program.
//
// What becomes of instances it tells by a queue of SQS (queue.go) and by their metadata service (Metadata), as EC2 does: Interrupt
// announces that a Spot instance is taken back, and takes it back in time. There is no other time in it: what EC2 does after a
// while, it does after so many calls.
package ec2fake
