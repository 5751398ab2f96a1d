package test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"wasgi/test/testkit"
)

// TestFrameworks uses one app of each framework, as it is and under wsgiref.validate.
func TestFrameworks(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		use  func(*testing.T, *testkit.Browser)
	}{
		{"bottle", useBottle},
		{"falcon", useFalcon},
		{"jinja2", useJinja},
		{"sqlalchemy", useSQLAlchemy},
	}
	var apps []testkit.App
	for _, test := range tests {
		apps = append(apps,
			testkit.App{Name: test.name, Site: test.name},
			testkit.App{Name: test.name, As: test.name + "-validated", Site: test.name, Host: test.name + ".validated", Validated: true})
	}
	server := testkit.Start(t, testkit.Options{Dir: testkit.StageAll(t, apps...)})
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { test.use(t, server.Browser(t, test.name+".localhost")) })
		t.Run(test.name+" validated", func(t *testing.T) { test.use(t, server.Browser(t, test.name+".validated")) })
	}
}

func useBottle(t *testing.T, b *testkit.Browser) {
	b.Post("/tasks", url.Values{"text": {"über & out"}}).Want(t, http.StatusSeeOther, "")
	b.Get("/").Want(t, http.StatusOK, `<li id="task-1">über &amp; out</li>`)
	b.Get("/tasks/1").Want(t, http.StatusOK, `"number": 1`)
	b.Get("/tasks/77").Want(t, http.StatusNotFound, "no task 77")
	b.Post("/tasks", url.Values{"text": {" "}}).Want(t, http.StatusBadRequest, "a task needs a text")
	b.Get("/teapot").Want(t, http.StatusTeapot, "short and stout")
	b.Get("/hello/Zo%C3%AB").Want(t, http.StatusOK, "Hello, Zoë!")
	b.Get("/whoami").Want(t, http.StatusOK, "Zoë")
	body := strings.Repeat("0123456789", 30_000)
	if got := b.Send(http.MethodPut, "/echo", "text/x-digits", body).Want(t, http.StatusOK, ""); got.Text != body ||
		got.Header.Get("X-Length") != "300000" || got.Header.Get("Content-Type") != "text/x-digits" {
		t.Errorf("the echo has %d bytes, X-Length %q and type %q", len(got.Text), got.Header.Get("X-Length"), got.Header.Get("Content-Type"))
	}
}

func useFalcon(t *testing.T, b *testkit.Browser) {
	const json = "application/json"
	b.Get("/readings/roof").Want(t, http.StatusNotFound, "unknown sensor")
	created := b.Send(http.MethodPut, "/readings/roof", json, "21.5").Want(t, http.StatusCreated, "")
	if got := created.Header.Get("Location"); got != "/readings/roof" {
		t.Errorf("Location is %q", got)
	}
	b.Send(http.MethodPut, "/readings/roof", json, `22`).Want(t, http.StatusCreated, "")
	b.Send(http.MethodPut, "/readings/roof", json, `"hot"`).Want(t, http.StatusUnprocessableEntity, "want a number")
	b.Send(http.MethodPut, "/readings/roof", json, `{`).Want(t, http.StatusBadRequest, "")
	b.Get("/readings/roof").Want(t, http.StatusOK, `[21.5, 22]`)
	if got := b.Send(http.MethodDelete, "/readings/roof", "", "").Want(t, http.StatusNoContent, ""); got.Header.Get("X-Succeeded") != "True" {
		t.Errorf("the middleware's header is %q", got.Header.Get("X-Succeeded"))
	}
	b.Get("/search?from=3&word=a%20b").Want(t, http.StatusOK, `"word": "a b"`)
	b.Get("/search").Want(t, http.StatusBadRequest, "from")
	b.Send(http.MethodPatch, "/search", json, "{}").Want(t, http.StatusMethodNotAllowed, "")
}

func useJinja(t *testing.T, b *testkit.Browser) {
	page := b.Get("/?name=%3Cworld%3E").Want(t, http.StatusOK, "<title>&lt;WORLD&gt;!</title>")
	page.Want(t, http.StatusOK, `<li class="even">990</li>`)
	if got := strings.Count(page.Text, "<li "); got != 100 {
		t.Errorf("the page has %d rows, want 100", got)
	}
	if got := b.Get("/broken"); got.StatusCode == http.StatusOK && got.Err == nil {
		t.Errorf("a template that fails gave %q, whole", got.Text)
	}
	b.Get("/").Want(t, http.StatusOK, "<title>WORLD!</title>")
}

func useSQLAlchemy(t *testing.T, b *testkit.Browser) {
	const json = "application/json"
	b.Send(http.MethodPost, "/", json, `{"author": "Čapek", "title": "R.U.R."}`).Want(t, http.StatusOK, `"books": 1`)
	b.Send(http.MethodPost, "/", json, `{"author": "Čapek", "title": "Krakatit"}`).Want(t, http.StatusOK, `"books": 2`)
	b.Send(http.MethodPost, "/", json, `{"author": "Lem", "title": "Solaris"}`).Want(t, http.StatusOK, `"books": 1`)
	b.Get("/").Want(t, http.StatusOK, `{"Lem": 1, "\u010capek": 2}`)
	b.Send(http.MethodPost, "/", json, `{"author": null, "title": "x"}`).Want(t, http.StatusInternalServerError, "")
	b.Get("/").Want(t, http.StatusOK, `"Lem": 1`)
}
