package test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"wasgi/test/testkit"
)

func TestFlask(t *testing.T) {
	t.Parallel()
	dir := testkit.StageAll(t,
		testkit.App{Name: "flask", Site: "flask"},
		testkit.App{Name: "flask", As: "flask-validated", Site: "flask", Host: "validated.localhost", Validated: true},
	)
	server := testkit.Start(t, testkit.Options{Dir: dir})
	for _, host := range []string{"flask.localhost", "validated.localhost"} {
		t.Run(host, func(t *testing.T) {
			t.Run("guest book", func(t *testing.T) { flaskGuestBook(t, server.Browser(t, host)) })
			t.Run("static file", func(t *testing.T) { flaskStatic(t, server.Browser(t, host)) })
			t.Run("JSON", func(t *testing.T) { flaskJSON(t, server.Browser(t, host)) })
			t.Run("upload", func(t *testing.T) { flaskUpload(t, server.Browser(t, host)) })
			t.Run("errors", func(t *testing.T) { flaskErrors(t, server.Browser(t, host)) })
		})
	}
	t.Run("stream", func(t *testing.T) { flaskStream(t, server.Browser(t, "flask.localhost")) })
	t.Run("traceback", func(t *testing.T) { flaskTraceback(t, server) })
}

// flaskGuestBook signs as two visitors, told apart by the cookie that Flask signs.
func flaskGuestBook(t *testing.T, ada *testkit.Browser) {
	ada.Get("/").Want(t, http.StatusOK, "visit number 1")
	ada.Get("/").Want(t, http.StatusOK, "visit number 2")
	signed := ada.Post("/sign", url.Values{"name": {"Ada <1>"}, "text": {"žluťoučký"}}).Want(t, http.StatusSeeOther, "")
	if got := signed.Header.Get("Location"); got != "/" {
		t.Errorf("Location is %q, want /", got)
	}
	page := ada.Get("/").Want(t, http.StatusOK, "Welcome back, Ada &lt;1&gt;.")
	page.Want(t, http.StatusOK, "Thank you, Ada &lt;1&gt;.")
	page.Want(t, http.StatusOK, "žluťoučký")
	ada.Get("/forget").Want(t, http.StatusFound, "")
	ada.Get("/").Want(t, http.StatusOK, "visit number 1")
}

func flaskStatic(t *testing.T, b *testkit.Browser) {
	css := b.Get("/static/style.css").Want(t, http.StatusOK, "sans-serif")
	if got := css.Header.Get("Content-Type"); !strings.HasPrefix(got, "text/css") {
		t.Errorf("Content-Type is %q, want text/css", got)
	}
	again := b.Request(http.MethodGet, "/static/style.css", nil)
	again.Header.Set("If-None-Match", css.Header.Get("ETag"))
	if got := b.Do(again).Want(t, http.StatusNotModified, ""); got.Text != "" {
		t.Errorf("304 has the body %q", got.Text)
	}
	part := b.Request(http.MethodGet, "/static/style.css", nil)
	part.Header.Set("Range", "bytes=0-3")
	if got := b.Do(part).Want(t, http.StatusPartialContent, ""); got.Text != css.Text[:4] {
		t.Errorf("the first four bytes are %q, want %q", got.Text, css.Text[:4])
	}
}

func flaskJSON(t *testing.T, b *testkit.Browser) {
	b.Send(http.MethodPost, "/api/entries", "application/json", `{"name": "Grace", "text": "\u2603"}`).Want(t, http.StatusCreated, "Grace")
	b.Send(http.MethodPost, "/api/entries", "application/json", `[1]`).Want(t, http.StatusUnprocessableEntity, "")
	b.Send(http.MethodPost, "/api/entries", "application/json", `{`).Want(t, http.StatusBadRequest, "")
	b.Send(http.MethodPost, "/api/entries", "text/plain", `{}`).Want(t, http.StatusUnsupportedMediaType, "")
	var entries []map[string]string
	if err := json.Unmarshal([]byte(b.Get("/api/entries").Text), &entries); err != nil {
		t.Fatal(err)
	}
	if last := entries[len(entries)-1]; last["name"] != "Grace" || last["text"] != "☃" {
		t.Errorf("the last entry is %q, want Grace's", last)
	}
}

// flaskUpload sends a file that the app has to pull, and one that is too large for it.
func flaskUpload(t *testing.T, b *testkit.Browser) {
	send := func(size int) testkit.Response {
		var body bytes.Buffer
		form := multipart.NewWriter(&body)
		file, err := form.CreateFormFile("file", "náhled.bin")
		if err != nil {
			t.Fatal(err)
		}
		file.Write(bytes.Repeat([]byte("\x00\xff\r\n-"), size/5))
		form.Close()
		return b.Send(http.MethodPost, "/upload", form.FormDataContentType(), body.String())
	}
	var got struct {
		Name  string
		Bytes int
	}
	if err := json.Unmarshal([]byte(send(400_000).Want(t, http.StatusOK, "").Text), &got); err != nil {
		t.Fatal(err)
	}
	if got.Name != "náhled.bin" || got.Bytes != 400_000 {
		t.Errorf("the app got %+v, want náhled.bin with 400000 bytes", got)
	}
	send(2<<20).Want(t, http.StatusRequestEntityTooLarge, "")
}

func flaskErrors(t *testing.T, b *testkit.Browser) {
	b.Get("/nowhere").Want(t, http.StatusNotFound, "There is nothing at /nowhere.")
	b.Send(http.MethodDelete, "/sign", "", "").Want(t, http.StatusMethodNotAllowed, "")
	b.Post("/sign", url.Values{}).Want(t, http.StatusBadRequest, "")
	b.Get("/broken").Want(t, http.StatusInternalServerError, "Internal Server Error")
}

// flaskStream reads the first line while the app still makes the others.
func flaskStream(t *testing.T, b *testkit.Browser) {
	start := time.Now()
	lines := bufio.NewScanner(b.Open(b.Request(http.MethodGet, "/count/100", nil)).Body)
	if !lines.Scan() || lines.Text() != "1" {
		t.Fatalf("the first line is %q, want 1", lines.Text())
	}
	first := time.Since(start)
	count := 1
	for lines.Scan() {
		count++
	}
	if err := lines.Err(); err != nil || count != 100 {
		t.Fatalf("%d lines and %v, want 100", count, err)
	}
	if whole := time.Since(start); first > whole*3/4 {
		t.Errorf("the first line came after %v of %v: the body was held back", first, whole)
	}
}

// flaskTraceback finds the traceback that Flask logs, under the request that failed.
func flaskTraceback(t *testing.T, server *testkit.Server) {
	mark := server.Log.Mark()
	server.Browser(t, "flask.localhost").Get("/broken")
	id := server.Log.Wait(t, mark, testkit.Match{Tenant: "flask", Text: "GET /broken"}).Text("request")
	for _, part := range []string{"Traceback (most recent call last):", "app.py", "RuntimeError: this page is broken on purpose"} {
		server.Log.Wait(t, mark, testkit.Match{Tenant: "flask", Request: id, Text: part})
	}
}
