package front

import (
	"html/template"
	"net"
	"net/netip"
	"strings"

	"github.com/valyala/fasthttp"

	"wasgi/tenants"
)

// isLoopback tells whether host is this machine's own name for itself.
func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && ip.IsLoopback()
}

const indexPage = `<!DOCTYPE html>
<html lang="en"><meta charset="utf-8"><title>wasgi</title>
<h1>wasgi</h1>
<ul>{{range .}}
<li>{{.Name}}:{{range .Links}} <a href="{{.}}">{{.}}</a>{{end}}{{end}}
</ul></html>
`

type indexEntry struct {
	Name  string
	Links []string
}

// writeIndex answers with a page that lists the tenants.
func writeIndex(ctx *fasthttp.RequestCtx, authority string, all []*tenants.Tenant) {
	port := ""
	if _, p, err := net.SplitHostPort(authority); err == nil {
		port = ":" + p
	}
	var entries []indexEntry
	for _, t := range all {
		m := t.Manifest()
		entry := indexEntry{Name: t.Name}
		for _, host := range m.Hosts {
			if !strings.HasPrefix(host, "*") {
				entry.Links = append(entry.Links, "http://"+host+port+m.Prefix)
			}
		}
		entries = append(entries, entry)
	}
	page := template.Must(template.New("index").Parse(indexPage))
	ctx.SetContentType("text/html; charset=utf-8")
	if err := page.Execute(ctx, entries); err != nil {
		ctx.Error(err.Error(), fasthttp.StatusInternalServerError)
	}
}
