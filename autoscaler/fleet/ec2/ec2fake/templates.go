// SPDX-License-Identifier: Apache-2.0

package ec2fake

import (
	"encoding/xml"
	"maps"
	"slices"
	"strings"
)

type templateElement struct {
	ID      string `xml:"launchTemplateId"`
	Name    string `xml:"launchTemplateName"`
	Default int    `xml:"defaultVersionNumber"`
	Latest  int    `xml:"latestVersionNumber"`
	Tags    []tag  `xml:"tagSet>item"`
}

func (t *Template) element() templateElement {
	return templateElement{t.ID, t.Name, 1, len(t.versions), tagSet(t.Tags)}
}

func (c *Cloud) createLaunchTemplate(p *node) (any, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	name := p.text("LaunchTemplateName")
	if c.templates[name] != nil {
		return nil, refuse("InvalidLaunchTemplateName.AlreadyExistsException", "Launch template name already in use.")
	}
	t := &Template{ID: c.nextID("lt"), Name: name, Tags: p.tags("launch-template"), versions: []*node{p.at("LaunchTemplateData")}}
	c.templates[name] = t
	return struct {
		Template templateElement `xml:"launchTemplate"`
	}{t.element()}, nil
}

func (c *Cloud) describeLaunchTemplates(p *node) (any, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	filters := p.filters()
	var out struct {
		Templates []templateElement `xml:"launchTemplates>item"`
	}
	for _, t := range c.templates {
		if t.passes(filters) {
			out.Templates = append(out.Templates, t.element())
		}
	}
	return out, nil
}

func (t *Template) passes(filters map[string][]string) bool {
	for name, values := range filters {
		value := t.Name
		if key, ok := strings.CutPrefix(name, "tag:"); ok {
			value = t.Tags[key]
		}
		if !slices.Contains(values, value) {
			return false
		}
	}
	return true
}

// find finds a template and the number of a version, by what a call says.
func (c *Cloud) find(p *node, version string) (*Template, int, error) {
	id, name := p.text("LaunchTemplateId"), p.text("LaunchTemplateName")
	for _, t := range c.templates {
		if t.ID != id && t.Name != name {
			continue
		}
		number := atoi(version)
		switch version {
		case "$Latest":
			number = len(t.versions)
		case "$Default", "":
			number = 1
		}
		if number < 1 || number > len(t.versions) {
			return nil, 0, refuse("InvalidLaunchTemplateId.VersionNotFound", "Could not find launch template version "+version)
		}
		return t, number, nil
	}
	if name != "" {
		return nil, 0, refuse("InvalidLaunchTemplateName.NotFoundException", "The specified launch template, with template name "+name+", does not exist.")
	}
	return nil, 0, refuse("InvalidLaunchTemplateId.NotFound", "The specified launch template, with template ID "+id+", does not exist.")
}

func (c *Cloud) templateData(p *node) (*node, error) {
	t, version, err := c.find(p, p.text("Version"))
	if err != nil {
		return nil, err
	}
	return t.versions[version-1], nil
}

type versionElement struct {
	ID     string  `xml:"launchTemplateId"`
	Name   string  `xml:"launchTemplateName"`
	Number int     `xml:"versionNumber"`
	Data   dataXML `xml:"launchTemplateData"`
}

func (c *Cloud) describeLaunchTemplateVersions(p *node) (any, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out struct {
		Versions []versionElement `xml:"launchTemplateVersionSet>item"`
	}
	for _, version := range p.texts("LaunchTemplateVersion") {
		t, number, err := c.find(p, version)
		if err != nil {
			return nil, err
		}
		out.Versions = append(out.Versions, versionElement{t.ID, t.Name, number, dataXML{t.versions[number-1]}})
	}
	return out, nil
}

// dataXML writes parameters of a request as EC2 shows them in a reply: names begin small, lists are sets of items.
type dataXML struct{ n *node }

// MarshalXML implements xml.Marshaler.
func (d dataXML) MarshalXML(e *xml.Encoder, start xml.StartElement) error {
	if len(d.n.children) == 0 {
		return e.EncodeElement(d.n.value, start)
	}
	if err := e.EncodeToken(start); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(d.n.children)) {
		if err := d.encode(e, name); err != nil {
			return err
		}
	}
	return e.EncodeToken(start.End())
}

func (d dataXML) encode(e *xml.Encoder, name string) error {
	child, local := d.n.children[name], strings.ToLower(name[:1])+name[1:]
	items := child.list()
	if len(items) == 0 {
		return dataXML{child}.MarshalXML(e, xml.StartElement{Name: xml.Name{Local: local}})
	}
	set := xml.StartElement{Name: xml.Name{Local: local + "Set"}}
	if err := e.EncodeToken(set); err != nil {
		return err
	}
	for _, item := range items {
		if err := (dataXML{item}).MarshalXML(e, xml.StartElement{Name: xml.Name{Local: "item"}}); err != nil {
			return err
		}
	}
	return e.EncodeToken(set.End())
}
