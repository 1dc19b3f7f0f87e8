// SPDX-License-Identifier: Apache-2.0

package ec2fake

import (
	"net/url"
	"strconv"
	"strings"
)

// node is a parameter of the Query protocol: A.1.B=v is the value v of B of the first of A. A nil node is an absent one.
type node struct {
	value    string
	children map[string]*node
}

func parse(form url.Values) *node {
	root := &node{}
	for key, values := range form {
		n := root
		for name := range strings.SplitSeq(key, ".") {
			n = n.child(name)
		}
		n.value = values[0]
	}
	return root
}

func (n *node) child(name string) *node {
	if n.children == nil {
		n.children = map[string]*node{}
	}
	c := n.children[name]
	if c == nil {
		c = &node{}
		n.children[name] = c
	}
	return c
}

// at goes down a path.
func (n *node) at(path ...string) *node {
	for _, name := range path {
		if n == nil {
			return nil
		}
		n = n.children[name]
	}
	return n
}

// text is the value at a path; empty if there is none.
func (n *node) text(path ...string) string {
	if n = n.at(path...); n == nil {
		return ""
	}
	return n.value
}

// list are the elements at a path.
func (n *node) list(path ...string) []*node {
	n = n.at(path...)
	var out []*node
	for i := 1; n.at(strconv.Itoa(i)) != nil; i++ {
		out = append(out, n.at(strconv.Itoa(i)))
	}
	return out
}

// texts are the values of the elements at a path.
func (n *node) texts(path ...string) []string {
	var out []string
	for _, e := range n.list(path...) {
		out = append(out, e.value)
	}
	return out
}

// tags are those of a TagSpecification of the resource type.
func (n *node) tags(resource string) map[string]string {
	out := map[string]string{}
	for _, s := range n.list("TagSpecification") {
		if s.text("ResourceType") == resource {
			for _, t := range s.list("Tag") {
				out[t.text("Key")] = t.text("Value")
			}
		}
	}
	return out
}

// filters are the values by the filters' names.
func (n *node) filters() map[string][]string {
	out := map[string][]string{}
	for _, f := range n.list("Filter") {
		out[f.text("Name")] = f.texts("Value")
	}
	return out
}
