// SPDX-License-Identifier: Apache-2.0

package ec2fake

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"k8s.io/utils/clock"
)

// queue is the one queue of SQS that the rules of EventBridge fill. A message that is received stays out of sight for the time
// asked for, and comes again unless it is deleted.
type queue struct {
	name  string // empty if there is no queue
	clock clock.Clock

	mu       sync.Mutex // guards all below
	messages []*message
	arrived  chan struct{} // closed with the next message
	serial   int
}

type message struct {
	id       string
	body     string
	receipts int       // how often it was received
	from     time.Time // when it is in sight
}

func newQueue(name string, c clock.Clock) *queue {
	return &queue{name: name, clock: c, arrived: make(chan struct{})}
}

func (q *queue) url() string { return "https://sqs.us-east-1.amazonaws.com/123456789012/" + q.name }

func (q *queue) send(body string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.name == "" {
		return
	}
	q.serial++
	q.messages = append(q.messages, &message{id: "m" + strconv.Itoa(q.serial), body: body})
	close(q.arrived)
	q.arrived = make(chan struct{})
}

type receivedMessage struct{ MessageId, ReceiptHandle, Body string } //nolint:revive // SQS's spelling

// receive takes up to n messages. If there is none, it tells what to wait for: the next message, or the time at which one comes
// into sight again.
func (q *queue) receive(n int, hide time.Duration) (got []receivedMessage, arrived <-chan struct{}, again time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := q.clock.Now()
	again = hide
	for _, m := range q.messages {
		if left := m.from.Sub(now); left > 0 {
			again = min(again, left)
			continue
		}
		if len(got) == n {
			break
		}
		m.receipts++
		m.from = now.Add(hide)
		got = append(got, receivedMessage{m.id, m.id + "#" + strconv.Itoa(m.receipts), m.body})
	}
	return got, q.arrived, max(again, time.Millisecond)
}

// delete deletes the message of a receipt. SQS: only the last receipt counts.
func (q *queue) delete(receipt string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i, m := range q.messages {
		if receipt == m.id+"#"+strconv.Itoa(m.receipts) {
			q.messages = append(q.messages[:i], q.messages[i+1:]...)
			return
		}
	}
}

// Messages are how many messages are in the queue, those out of sight included.
func (c *Cloud) Messages() int {
	c.queue.mu.Lock()
	defer c.queue.mu.Unlock()
	return len(c.queue.messages)
}

// Send puts a message into the queue.
func (c *Cloud) Send(body string) { c.queue.send(body) }

// serveQueue answers what is asked of SQS, in its JSON protocol.
func (c *Cloud) serveQueue(w http.ResponseWriter, r *http.Request) bool {
	action, ok := strings.CutPrefix(r.Header.Get("X-Amz-Target"), "AmazonSQS.")
	if !ok {
		return false
	}
	var in struct {
		QueueName, QueueURL                                     string
		MaxNumberOfMessages, WaitTimeSeconds, VisibilityTimeout int
		Entries                                                 []struct{ Id, ReceiptHandle string } //nolint:revive // SQS's spelling
	}
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = json.Unmarshal(body, &in)
	}
	f := c.fault(action, false)
	switch {
	case err != nil:
		refuseJSON(w, "SerializationException", err.Error())
	case f != nil && f.Code != "":
		refuseJSON(w, f.Code, f.Message)
	case f != nil && f.Lost:
		panic(http.ErrAbortHandler)
	case c.queue.name == "" || in.QueueName != c.queue.name && in.QueueURL != c.queue.url():
		refuseJSON(w, "QueueDoesNotExist", "The specified queue does not exist.")
	case action == "GetQueueUrl":
		writeJSON(w, map[string]string{"QueueUrl": c.queue.url()})
	case action == "ReceiveMessage":
		c.receive(w, r, in.MaxNumberOfMessages, time.Duration(in.WaitTimeSeconds)*time.Second, time.Duration(in.VisibilityTimeout)*time.Second)
	case action == "DeleteMessageBatch":
		type entry struct{ Id string } //nolint:revive // SQS's spelling
		out := struct{ Successful, Failed []entry }{}
		for _, e := range in.Entries {
			c.queue.delete(e.ReceiptHandle)
			out.Successful = append(out.Successful, entry{e.Id})
		}
		writeJSON(w, out)
	default:
		refuseJSON(w, "UnsupportedOperation", action)
	}
	return true
}

// receive is a long poll.
func (c *Cloud) receive(w http.ResponseWriter, r *http.Request, n int, wait, hide time.Duration) {
	end := c.queue.clock.After(wait)
	for {
		got, arrived, again := c.queue.receive(n, hide)
		if len(got) > 0 {
			writeJSON(w, map[string]any{"Messages": got})
			return
		}
		select {
		case <-arrived:
		case <-c.queue.clock.After(again):
		case <-end:
			writeJSON(w, struct{}{})
			return
		case <-r.Context().Done():
			return
		}
	}
}

func refuseJSON(w http.ResponseWriter, code, text string) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	w.WriteHeader(statusOf(code))
	_ = json.NewEncoder(w).Encode(map[string]string{"__type": "com.amazonaws.sqs#" + code, "message": text})
}
