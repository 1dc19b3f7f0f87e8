// SPDX-License-Identifier: Apache-2.0

package console

import (
	"encoding/json"
	"strings"
	"unicode"

	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// command is what does the same in a shell.
type command struct{ Label, Text string }

// quote makes one word of text for a POSIX shell, whatever is in it. What a terminal would not show, or obey, is written as an
// escape of $'…', which bash, zsh and ksh know.
func quote(text string) string {
	plain := text != ""
	hidden := false
	for _, c := range text {
		plain = plain && isPlain(c)
		hidden = hidden || c == unicode.ReplacementChar || !unicode.IsPrint(c)
	}
	switch {
	case plain:
		return text
	case hidden:
		return "$'" + escapeBytes(text) + "'"
	default:
		return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
	}
}

func isPlain(c rune) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("-_./:@%+=,", c)
}

// escapeBytes writes every byte that is not a printable ASCII character as \xHH.
func escapeBytes(text string) string {
	const digits = "0123456789abcdef"
	var b strings.Builder
	for _, c := range []byte(text) {
		switch {
		case c == '\'' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ' || c > '~':
			b.WriteString(`\x`)
			b.WriteByte(digits[c>>4])
			b.WriteByte(digits[c&15])
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// words joins quoted words.
func words(list ...string) string {
	for i := range list {
		list[i] = quote(list[i])
	}
	return strings.Join(list, " ")
}

// endpoint is where this server is reached, as the browser did.
func (r *Request) endpoint() string {
	scheme := "http://"
	if r.Console.isSecure(r.Request) {
		scheme = "https://"
	}
	return scheme + r.Host
}

// curl is a call of the API; the token stays in the shell's own variable.
func (r *Request) curl(path string, in any) string {
	body, err := json.Marshal(in)
	if err != nil {
		return ""
	}
	text := "curl -sS "
	if !r.Console.cfg.Open {
		text += `-H "Authorization: Bearer $TOKEN" `
	}
	return text + words("-d", string(body), r.endpoint()+path)
}

// curlGet is a call of the API that has no body.
func (r *Request) curlGet(path string) string {
	text := "curl -sS "
	if !r.Console.cfg.Open {
		text += `-H "Authorization: Bearer $TOKEN" `
	}
	return text + words(r.endpoint()+path)
}

// aws is a call by the AWS command line.
func (r *Request) aws(list ...string) string {
	return words(append([]string{"aws", "batch", "--endpoint-url", r.endpoint()}, list...)...)
}

func queueCommands(r *Request, name, arn string) []command {
	return []command{
		{"AWS CLI", strings.Join([]string{
			r.aws("describe-job-queues", "--job-queues", name),
			r.aws("get-job-queue-snapshot", "--job-queue", name),
			r.aws("tag-resource", "--resource-arn", arn, "--tags", batchmeta.QueuePaused+"="+batchmeta.QueuePausedTrue),
			r.aws("update-job-queue", "--job-queue", name, "--state", "DISABLED"),
		}, "\n")},
		{"muster", strings.Join([]string{words("muster", "queue", "get", name), words("muster", "queue", "pause", name), words("muster", "queue", "drain", name)}, "\n")},
		{"curl", r.curl("/v1/describejobqueues", map[string][]string{"jobQueues": {name}})},
	}
}
