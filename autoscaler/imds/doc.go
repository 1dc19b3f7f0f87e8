// SPDX-License-Identifier: Apache-2.0

// Package imds asks the instance metadata service of EC2 (version 2) what is announced of the instance it runs on. Start with
// Client. It is for nodes that tell of themselves; the queue of EventBridge's events tells of all of a fleet's.
package imds
