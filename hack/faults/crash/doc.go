// SPDX-License-Identifier: Apache-2.0

// Package crash has programs die at every write that they make, and checks that a restart alone puts everything right. The
// writes are the points of package crashpoint; [Points] lists them, and a test holds the list to the source.
//
// Three tests die at them; all of them need the build tag crashpoints:
//   - TestCrashPointsOfQueueAPI, here: the real program on a real Redis and a real API server. It really exits, with code 137,
//     for every case. Only scheduler and kubelets are stood for, by code that keeps a ledger of what ran.
//   - TestCrashPointsOfTheAutoscaler, in autoscaler/cmd/batch-autoscaler: the engine within the test, over a fake API server and
//     EC2's API. Dead is who can write no more from that very point on; all that is left of it is waited for and forgotten.
//   - TestCrashPointsOfTheScheduler, in plugins/plugintest: the scheduler within the test, likewise, in the midst of a gang's
//     Bindings.
package crash
