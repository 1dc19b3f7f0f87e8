// SPDX-License-Identifier: Apache-2.0

package console

import (
	"embed"
	"fmt"
	"html/template"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

//go:embed templates
var templateFiles embed.FS

// templates are those of the pages, by their file's name, each with the layout and the parts around it.
type templates map[string]*template.Template

// alone are the templates of what is no Page.
var alone = []string{"login", "problem"}

func parseTemplates(a assets, pages []Page) (templates, error) {
	base, err := template.New("").Funcs(functions(a)).ParseFS(templateFiles, "templates/layout.html", "templates/parts.html")
	if err != nil {
		return nil, fmt.Errorf("templates: %w", err)
	}
	names := alone
	for _, p := range pages {
		if p.Template != "" {
			names = append(names, p.Template)
		}
	}
	all := templates{}
	for _, name := range names {
		t, err := base.Clone()
		if err == nil {
			t, err = t.ParseFS(templateFiles, "templates/"+name+".html")
		}
		if err != nil {
			return nil, fmt.Errorf("template %s: %w", name, err)
		}
		all[name] = t
	}
	return all, nil
}

func (t templates) execute(w io.Writer, name, part string, data any) error {
	return t[name].ExecuteTemplate(w, part, data)
}

// frame is what the layout gets: what the page shows, and what is around it.
type frame struct {
	*View

	Page   Page
	Nav    []navItem
	User   string // empty if nobody is known, or asked
	Login  bool   // somebody is logged in, who can log out
	CSRF   string
	Here   string // the page's own path and query
	Notice *notice
}

type navItem struct {
	Label, Path, Key string
	Current          bool
}

func (c *Console) frame(w http.ResponseWriter, r *Request, p Page, view *View) frame {
	f := frame{View: view, Page: p, Here: r.URL.RequestURI()}
	if r.session == nil {
		return f
	}
	f.CSRF, f.User, f.Login = mask(r.session.Secret), r.User.Name, !c.cfg.Open
	f.Notice = c.takeNotice(w, r.Request)
	for _, other := range pages() {
		if other.Nav != "" {
			path := strings.TrimSuffix(other.Path, "{$}")
			f.Nav = append(f.Nav, navItem{other.Nav, Root + path, other.Key, p.Path != "" && isUnder(p.Path, path)})
		}
	}
	return f
}

// isUnder reports whether a page is the one at path, or one of what that lists: jobs/{id} is of jobs.
func isUnder(page, path string) bool {
	return strings.TrimSuffix(page, "{$}") == path || path != "" && strings.HasPrefix(page, path+"/")
}

// LiveURL is the stream that tells when the page is to be fetched again; empty if it follows no jobs.
func (f frame) LiveURL() string {
	if f.Live == nil || f.Live.Silent {
		return ""
	}
	q := url.Values{}
	for _, name := range f.Live.Queues {
		q.Add("queue", name)
	}
	if f.Live.Job != "" {
		q.Set("job", f.Live.Job)
	}
	return Root + "live?" + q.Encode()
}

// LiveEvery is after how many seconds the page is fetched again whatever happens; empty for never.
func (f frame) LiveEvery() string {
	if f.Live == nil || f.Live.Every <= 0 {
		return ""
	}
	return strconv.Itoa(max(1, int(f.Live.Every.Seconds())))
}
