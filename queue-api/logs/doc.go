// SPDX-License-Identifier: Apache-2.0

// Package logs keeps what containers write: as long as a pod lives its log is read from the kubelet, afterwards from an
// archive, and who reads it cannot tell which. Start with View, which shows both as one log, and Collector, which puts the
// log of a pod that ended into the archive before the pod may go. One that is about to be deleted while it runs is followed to
// its end, as its kubelet removes the log then.
//
// A stream is the log of one container of one attempt, under the name that AWS Batch gives it (batch.LogStream). No two of
// its lines have the same time, and each is later than the one before it: two that have are told apart by a nanosecond. So a
// time is a position, the same in the kubelet's log and in the archive, which is how reading goes on from one in the other
// without a gap and without a line twice.
//
// The archive is a Store of chunks, objects that are written as a whole and never change: lines in the order in which they
// were written, as the kubelet shows them, compressed by zstd. Their names hold the index:
//
//	<definition>/<container>/<task>/<first>-<last>-<lines>-<bytes>-<job>[.end].zst
//
// with the times of the first and the last line in nanoseconds, 16 hexadecimal digits each. The last chunk of a complete log
// is an .end. Where a log is cut depends on its lines alone, so that who begins again after a crash writes what is there
// already, and two who collect the same log do not get in each other's way.
package logs
