// SPDX-License-Identifier: Apache-2.0

// Package ec2 is the fleet of Amazon EC2: instances that join a cluster of Amazon EKS. Start with Fleet, and launch.go.
//
// A launch is one CreateFleet call of type instant, over its instance types and a subnet in each zone. Its client token is
// the launch's own, and every instance is tagged with it, so that neither a lost reply nor a crash loses or doubles one:
//
//	Launch ──► template (made once, named by a digest of what is in it)
//	       ──► CreateFleet(token) ──► instances, and an error for each pool that gave none
//	List   ──► DescribeInstances(tag: cluster), and what was launched a moment ago and EC2 does not show yet
//	Terminate ► TerminateInstances in batches; what EC2 does not know is gone
//
// Nothing is remembered that could not be asked again: a Fleet made anew finds everything by tags and names. It speaks to
// EC2 with the SDK's client, and signs the few requests that it needs of Systems Manager (which image), EKS (which cluster),
// Pricing (what instances cost) and SQS (what EC2 announces of instances: Queue) itself. Run keeps prices up to date in the
// background.
package ec2
