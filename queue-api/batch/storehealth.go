// SPDX-License-Identifier: Apache-2.0

package batch

// StoreHealth is how the servers of the store are, the worst of each where there are several.
type StoreHealth struct {
	MemoryBytes int64 // of the server that has the least left
	MemoryLimit int64 // of the same server; 0 for none
	Replicas    int   // of the server that has the fewest
	// ReplicaLagBytes is by how much the replica that is furthest behind is.
	ReplicaLagBytes int64
	// AOFWritable is false while a server cannot write its append-only file.
	AOFWritable bool
	// AOFDelayedFsyncs counts, since the servers started, how often a sync of the append-only file was waited for.
	AOFDelayedFsyncs int64
}
