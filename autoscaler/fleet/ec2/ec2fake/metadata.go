// SPDX-License-Identifier: Apache-2.0

package ec2fake

import (
	"encoding/json"
	"net/http"
	"time"
)

// metadataToken is what version 2 of the metadata service gives out.
const metadataToken = "AQAAAFakeToken=="

// Metadata is the metadata service as an instance sees it, version 2 alone: its id, and what is announced of it.
func (c *Cloud) Metadata(id string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("PUT /latest/api/token", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Aws-Ec2-Metadata-Token-Ttl-Seconds") == "" {
			http.Error(w, "Bad Request", http.StatusBadRequest)
			return
		}
		_, _ = w.Write([]byte(metadataToken))
	})
	tell := func(path string, what func(i *Instance) (text string, ok bool)) {
		mux.HandleFunc("GET /latest/meta-data/"+path, func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("X-Aws-Ec2-Metadata-Token") != metadataToken {
				http.Error(w, "Unauthorized", http.StatusUnauthorized)
				return
			}
			c.mu.Lock()
			defer c.mu.Unlock()
			i := c.instances[id]
			if i == nil {
				http.NotFound(w, r)
				return
			}
			text, ok := what(i)
			if !ok {
				http.NotFound(w, r)
				return
			}
			_, _ = w.Write([]byte(text))
		})
	}
	tell("instance-id", func(i *Instance) (string, bool) { return i.ID, true })
	tell("spot/instance-action", func(i *Instance) (string, bool) {
		return `{"action": "terminate", "time": "` + i.announced.ends.UTC().Format(time.RFC3339) + `"}`, !i.announced.ends.IsZero()
	})
	tell("events/recommendations/rebalance", func(i *Instance) (string, bool) {
		return `{"noticeTime": "` + i.announced.recommended.UTC().Format(time.RFC3339) + `"}`, !i.announced.recommended.IsZero()
	})
	tell("events/maintenance/scheduled", func(i *Instance) (string, bool) { return i.maintenance(), true })
	return mux
}

// maintenance is the list of events of the metadata service, which is empty for most instances.
func (i *Instance) maintenance() string {
	type event struct{ NotBefore, Code, Description, EventId, State string } //nolint:revive // the metadata service's spelling
	events := []event{}
	if at := i.announced.maintained; !at.IsZero() {
		events = append(events, event{
			at.UTC().Format("2 Jan 2006 15:04:05 GMT"), "instance-retirement", "The instance is running on degraded hardware",
			"instance-event-0d59937288b749b32", "active",
		})
	}
	doc, err := json.Marshal(events)
	if err != nil {
		panic("encode events: " + err.Error())
	}
	return string(doc)
}
