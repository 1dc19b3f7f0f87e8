// SPDX-License-Identifier: Apache-2.0

// Package backup takes all that a Redis holds out of it and puts it back, by Redis's own replication. Start with Save, Check
// and Load.
//
// Save asks as a replica does: what it gets is an RDB file of one moment, which any Redis, redis-check-rdb and every tool of
// the field can read. Load has Redis replicate from a file: it takes all of it or nothing, and is a master again afterwards.
// Nobody else needs to stop; nothing here knows what is stored.
package backup
