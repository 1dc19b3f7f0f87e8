// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/muster-batch/muster/queue-api/cli/manifest"
	"github.com/muster-batch/muster/queue-api/cli/output"
	"github.com/muster-batch/muster/queue-api/client"
)

// shape is how things of a kind are shown.
type shape struct {
	kind     *manifest.Kind
	what     string // in the plural
	columns  []output.Column
	row      func(thing map[string]any) []string
	isNewest bool // of things of one name the first is shown alone
}

// newList makes the command that lists things of a kind.
func newList(f *frame, s shape, name string) *cobra.Command {
	return &cobra.Command{
		Use: "list [NAME...]", Aliases: []string{"ls"}, Short: "List " + s.what,
		Example:           "  muster " + name + " list\n  muster " + name + " list -o yaml",
		ValidArgsFunction: f.completeNames(s.kind),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := f.connect(cmd.Context())
			if err != nil {
				return err
			}
			things, err := s.find(cmd.Context(), c, args)
			if err != nil {
				return err
			}
			return f.printThings(s, things)
		},
	}
}

// find gives the things of these names, or all.
func (s *shape) find(ctx context.Context, c *client.Client, names []string) ([]map[string]any, error) {
	if len(names) > 0 {
		var things []map[string]any
		for _, name := range names {
			thing, err := s.get(ctx, c, name)
			if err != nil {
				return nil, err
			}
			things = append(things, thing)
		}
		return things, nil
	}
	things, err := s.kind.List(ctx, c)
	if s.isNewest {
		things = slices.CompactFunc(things, func(a, b map[string]any) bool { return s.kind.NameOf(a) == s.kind.NameOf(b) })
	}
	return things, err
}

// get gives a thing, which must be there. It takes an ARN, too.
func (s *shape) get(ctx context.Context, c *client.Client, name string) (map[string]any, error) {
	thing, err := s.kind.Find(ctx, c, nameOf(name))
	if err == nil && thing == nil {
		err = fmt.Errorf("%s/%s: there is none, or it is not yours to see", s.kind.Short, name)
	}
	return thing, err
}

// nameOf is the name in an ARN.
func nameOf(text string) string {
	if strings.HasPrefix(text, "arn:") {
		return text[strings.LastIndexByte(text, '/')+1:]
	}
	return text
}

func (f *frame) printThings(s shape, things []map[string]any) error {
	items, names := make([]map[string]any, len(things)), make([]string, len(things))
	for i, thing := range things {
		item, err := s.kind.Of(thing)
		if err != nil {
			return err
		}
		items[i], names[i] = item, s.kind.Short+"/"+s.kind.NameOf(thing)
	}
	return f.print(output.View{Object: manifest.ListOf(items), Names: names, Human: func(p *output.Printer) error {
		rows := make([][]string, len(things))
		for i, thing := range things {
			rows[i] = s.row(thing)
		}
		return p.NewTable(s.columns...).Add(rows...)
	}})
}

// newShow makes the command that shows one thing.
func newShow(f *frame, s shape, name string) *cobra.Command {
	return &cobra.Command{
		Use: "get NAME", Args: cobra.ExactArgs(1), Short: "Show one of them; -o yaml is a file for muster apply",
		Example:           "  muster " + name + " get NAME\n  muster " + name + " get NAME -o yaml >" + name + ".yaml",
		ValidArgsFunction: f.completeNames(s.kind),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := f.connect(cmd.Context())
			if err != nil {
				return err
			}
			thing, err := s.get(cmd.Context(), c, args[0])
			if err != nil {
				return err
			}
			item, err := s.kind.Of(thing)
			if err != nil {
				return err
			}
			id := s.kind.Short + "/" + s.kind.NameOf(thing)
			return f.print(output.View{Object: item, Names: []string{id}, Human: func(p *output.Printer) error { return printTree(p, thing, "") }})
		},
	}
}

// printTree prints what a thing has, a line for each member, those below one indented.
func printTree(p *output.Printer, thing map[string]any, indent string) error {
	for _, member := range slices.Sorted(maps.Keys(thing)) {
		if err := printMember(p, member, thing[member], indent); err != nil {
			return err
		}
	}
	return nil
}

func printMember(p *output.Printer, member string, value any, indent string) error {
	name := indent + output.Clean(member) + ":"
	switch value := value.(type) {
	case map[string]any:
		if len(value) == 0 {
			return nil
		}
		if _, err := fmt.Fprintln(p.Out, name); err != nil {
			return err
		}
		return printTree(p, value, indent+"  ")
	case []any:
		for i, item := range value {
			if err := printMember(p, member+"["+strconv.Itoa(i)+"]", item, indent); err != nil {
				return err
			}
		}
		return nil
	}
	text := output.Clean(scalar(value))
	style := output.Plain
	if indent == "" && (member == "status" || member == "state") {
		style = output.OfStatus(text)
	}
	_, err := fmt.Fprintln(p.Out, output.Pad(name, max(28, len(indent)+16)), p.Paint(style, text))
	return err
}

// scalar is the text of a JSON value that is neither a map nor a list.
func scalar(value any) string {
	switch value := value.(type) {
	case nil:
		return ""
	case string:
		return value
	case bool:
		return strconv.FormatBool(value)
	case json.Number:
		return value.String()
	}
	return fmt.Sprint(value)
}

// at is the text of a member at a path of names, - if there is none.
func at(thing map[string]any, path ...string) string {
	for _, member := range path[:len(path)-1] {
		thing, _ = thing[member].(map[string]any)
	}
	text := scalar(thing[path[len(path)-1]])
	if text == "" {
		return output.None
	}
	return text
}

// listAt is a member that is a list.
func listAt(thing map[string]any, path ...string) []any {
	for _, member := range path[:len(path)-1] {
		thing, _ = thing[member].(map[string]any)
	}
	list, _ := thing[path[len(path)-1]].([]any)
	return list
}

// join is a list of texts, or of a member of each of its maps.
func join(list []any, member string) string {
	var texts []string
	for _, item := range list {
		if m, ok := item.(map[string]any); ok {
			item = m[member]
		}
		texts = append(texts, nameOf(scalar(item)))
	}
	if len(texts) == 0 {
		return output.None
	}
	return strings.Join(texts, ",")
}

// completeNames completes names of things.
func (f *frame) completeNames(k *manifest.Kind) func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return func(cmd *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
		c, err := f.connect(cmd.Context())
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		things, err := k.List(cmd.Context(), c)
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		var names []string
		for _, thing := range things {
			if name := k.NameOf(thing); strings.HasPrefix(name, begun) && output.Clean(name) == name {
				names = append(names, name)
			}
		}
		return slices.Compact(names), cobra.ShellCompDirectiveNoFileComp
	}
}

// newDefinition, newPolicy and newConsumable show what queues and jobs are made with; muster apply makes and changes it.
func newDefinition(f *frame) *cobra.Command {
	s := shape{
		kind: manifest.JobDefinition, what: "job definitions, each by its newest ACTIVE revision", isNewest: true,
		columns: []output.Column{
			{Name: "NAME"},
			{Name: "REVISION", IsRight: true},
			{Name: "TYPE"},
			{Name: "PLATFORM"},
			{Name: "IMAGE", IsElastic: true},
		},
		row: func(d map[string]any) []string {
			return []string{at(d, "jobDefinitionName"), at(d, "revision"), at(d, "type"), at(d, "containerOrchestrationType"), imageOf(d)}
		},
	}
	return group("definition", "Job definitions", newList(f, s, "definition"), newShow(f, s, "definition"))
}

// imageOf is the image of a definition's first container.
func imageOf(d map[string]any) string {
	if image := at(d, "containerProperties", "image"); image != output.None {
		return image
	}
	if pod, ok := d["eksProperties"].(map[string]any); ok {
		return join(listAt(pod, "podProperties", "containers"), "image")
	}
	for _, list := range [][]any{listAt(d, "nodeProperties", "nodeRangeProperties"), listAt(d, "ecsProperties", "taskProperties")} {
		if len(list) == 0 {
			continue
		}
		first, _ := list[0].(map[string]any)
		if image := at(first, "container", "image"); image != output.None {
			return image
		}
		if pod, ok := first["eksProperties"].(map[string]any); ok {
			return join(listAt(pod, "podProperties", "containers"), "image")
		}
		return join(listAt(first, "containers"), "image")
	}
	return output.None
}

func newPolicy(f *frame) *cobra.Command {
	s := shape{
		kind: manifest.SchedulingPolicy, what: "scheduling policies",
		columns: []output.Column{{Name: "NAME"}, {Name: "DECAY", IsRight: true}, {Name: "RESERVATION", IsRight: true}, {Name: "SHARES", IsElastic: true}},
		row: func(p map[string]any) []string {
			return []string{
				at(p, "name"), at(p, "fairsharePolicy", "shareDecaySeconds"), at(p, "fairsharePolicy", "computeReservation"),
				join(listAt(p, "fairsharePolicy", "shareDistribution"), "shareIdentifier"),
			}
		},
	}
	return group("policy", "Scheduling policies", newList(f, s, "policy"), newShow(f, s, "policy"))
}

func newConsumable(f *frame) *cobra.Command {
	s := shape{
		kind: manifest.ConsumableResource, what: "consumable resources",
		columns: []output.Column{{Name: "NAME"}, {Name: "TYPE"}, {Name: "TOTAL", IsRight: true}, {Name: "IN-USE", IsRight: true}, {Name: "AVAILABLE", IsRight: true}},
		row: func(c map[string]any) []string {
			return []string{at(c, "consumableResourceName"), at(c, "resourceType"), at(c, "totalQuantity"), at(c, "inUseQuantity"), at(c, "availableQuantity")}
		},
	}
	return group("consumable", "Consumable resources", newList(f, s, "consumable"), newShow(f, s, "consumable"))
}

// group puts commands below one.
func group(name, short string, commands ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{Use: name, Aliases: []string{plural(name)}, Short: short, Example: "  muster " + name + " list"}
	c.AddCommand(commands...)
	return c
}

func plural(name string) string {
	if stem, ok := strings.CutSuffix(name, "y"); ok {
		return stem + "ies"
	}
	return name + "s"
}
