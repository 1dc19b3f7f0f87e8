// SPDX-License-Identifier: Apache-2.0

// Package exec is a fleet behind a command of the admin's: bare metal, libvirt, a cloud of one's own, the machine that the
// demo runs on. The command is run as
//
//	COMMAND VERB < request.json > reply.json
//
// Exit status 0 is success, 75 (EX_TEMPFAIL) is out of capacity, anything else a failure whose message is the last line of
// stderr. The verbs and their documents are in wire.go:
//
//	instance-types  which machines the names of a compute environment stand for; "fargate" is that of environments of Fargate's
//	                types, which name none
//	launch          start one instance of one type, idempotent by token, without waiting for its node
//	list            every instance that was launched and is not gone
//	terminate       end instances, idempotent, and return when they are gone
package exec
