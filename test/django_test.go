package test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"wasgi/test/testkit"
)

// makeUser makes an administrator as Django's own manual does where no terminal is.
const makeUser = `
from django.contrib.auth import get_user_model
User = get_user_model()
User.objects.create_superuser("ada", "ada@example.com", "difference engine")
print("users:", User.objects.count())
`

func TestDjango(t *testing.T) {
	t.Parallel()
	dir, state := t.TempDir(), t.TempDir()
	bundle := testkit.Stage(t, dir, testkit.App{Name: "django", Site: "django"})
	djangoManage(t, state, bundle)
	server := testkit.Start(t, testkit.Options{Dir: dir, State: state})
	t.Run("note", func(t *testing.T) { djangoNote(t, server.Browser(t, "django.localhost")) })
	t.Run("admin", func(t *testing.T) { djangoAdmin(t, server.Browser(t, "django.localhost")) })
	t.Run("refusals", func(t *testing.T) { djangoRefusals(t, server.Browser(t, "django.localhost")) })
	t.Run("restart", func(t *testing.T) {
		server.Stop(t)
		again := testkit.Start(t, testkit.Options{Dir: dir, State: state}).Browser(t, "django.localhost")
		again.Get("/").Want(t, http.StatusOK, "On engines")
		djangoLogIn(t, again)
	})
	t.Run("shell after the server", func(t *testing.T) {
		got := testkit.Exec(t, state, bundle, "manage.py", "shell", "-c", "from notes.models import Note; print(Note.objects.get(title='On engines').stars)")
		if got.Out != "4\n" {
			t.Errorf("the note has %q stars, want 4", got.Out)
		}
	})
}

// djangoManage runs manage.py as a deployer does.
func djangoManage(t *testing.T, state, bundle string) {
	t.Helper()
	if got := testkit.Exec(t, state, bundle, "manage.py", "migrate"); !strings.Contains(got.Out, "Applying notes.0001_initial... OK") {
		t.Errorf("migrate says %q", got.Out)
	}
	if got := testkit.Exec(t, state, bundle, "manage.py", "makemigrations", "--check", "--dry-run"); !strings.Contains(got.Out, "No changes detected") {
		t.Errorf("makemigrations says %q", got.Out)
	}
	if got := testkit.Exec(t, state, bundle, "manage.py", "shell", "-c", makeUser); got.Out != "users: 1\n" {
		t.Errorf("the shell says %q", got.Out)
	}
}

// csrfToken returns the token of a form.
func csrfToken(t *testing.T, page testkit.Response) string {
	t.Helper()
	found := regexp.MustCompile(`name="csrfmiddlewaretoken" value="(\w+)"`).FindStringSubmatch(page.Text)
	if found == nil {
		t.Fatalf("the form has no token: %q", page.Text)
	}
	return found[1]
}

func djangoNote(t *testing.T, b *testkit.Browser) {
	b.Get("/").Want(t, http.StatusOK, "Nothing yet.")
	token := csrfToken(t, b.Get("/write/").Want(t, http.StatusOK, ""))
	b.Post("/write/", url.Values{"title": {"No token"}, "stars": {"1"}}).Want(t, http.StatusForbidden, "CSRF")
	b.Post("/write/", url.Values{"csrfmiddlewaretoken": {token}, "title": {""}, "stars": {"6"}}).Want(t, http.StatusUnprocessableEntity, "At most five stars.")
	saved := b.Post("/write/", url.Values{"csrfmiddlewaretoken": {token}, "title": {"On engines"}, "text": {"Ünïcode <b>"}, "stars": {"4"}}).Want(t, http.StatusFound, "")
	page := b.Get(saved.Header.Get("Location")).Want(t, http.StatusOK, "“On engines” is saved.")
	page.Want(t, http.StatusOK, "Ünïcode &lt;b&gt;")
	b.Get("/").Want(t, http.StatusOK, "1 note, 4 stars on average")
}

// djangoLogIn logs in to the admin, which checks a PBKDF2 hash of the password.
func djangoLogIn(t *testing.T, b *testkit.Browser) {
	t.Helper()
	const page = "/admin/login/?next=/admin/"
	token := csrfToken(t, b.Get(page).Want(t, http.StatusOK, "Django administration"))
	form := url.Values{"csrfmiddlewaretoken": {token}, "username": {"ada"}, "password": {"wrong"}}
	b.Post(page, form).Want(t, http.StatusOK, "Please enter the correct username and password")
	form.Set("password", "difference engine")
	b.Post(page, form).Want(t, http.StatusFound, "")
	b.Get("/admin/").Want(t, http.StatusOK, "Site administration")
}

func djangoAdmin(t *testing.T, b *testkit.Browser) {
	if got := b.Get("/admin/").Want(t, http.StatusFound, ""); got.Header.Get("Location") != "/admin/login/?next=/admin/" {
		t.Errorf("the admin sends a stranger to %q", got.Header.Get("Location"))
	}
	djangoLogIn(t, b)
	token := csrfToken(t, b.Get("/admin/notes/note/add/").Want(t, http.StatusOK, "Add note"))
	form := url.Values{"csrfmiddlewaretoken": {token}, "title": {"From the admin"}, "text": {""}, "stars": {"2"}, "_save": {"Save"}}
	b.Post("/admin/notes/note/add/", form).Want(t, http.StatusFound, "")
	list := b.Get("/admin/notes/note/?q=admin").Want(t, http.StatusOK, "From the admin")
	list.Want(t, http.StatusOK, "1 result")
	b.Get("/static/admin/css/base.css").Want(t, http.StatusOK, "DJANGO Admin styles")
	b.Get("/static/admin/js/vendor/jquery/jquery.js").Want(t, http.StatusOK, "jQuery")
}

func djangoRefusals(t *testing.T, b *testkit.Browser) {
	b.Get("/notes/999/").Want(t, http.StatusNotFound, "")
	b.Get("/admin").Want(t, http.StatusMovedPermanently, "")
	for _, path := range []string{"/static/../notebook/settings.py", "/static/%2e%2e/%2e%2e/app/notebook/settings.py", "/static/admin/%00"} {
		if got := b.Get(path); got.StatusCode < 400 || strings.Contains(got.Text, "SECRET_KEY") {
			t.Errorf("%s: status %d, %q", path, got.StatusCode, got.Text)
		}
	}
}

// TestDjangoValidated serves a database that is not there yet, and is checked by
// wsgiref.validate meanwhile.
func TestDjangoValidated(t *testing.T) {
	t.Parallel()
	dir := testkit.StageAll(t, testkit.App{Name: "django", Site: "django", Validated: true})
	b := testkit.Start(t, testkit.Options{Dir: dir}).Browser(t, "django.localhost")
	djangoNote(t, b)
	b.Get("/admin/login/").Want(t, http.StatusOK, "Log in")
	b.Get("/static/admin/css/base.css").Want(t, http.StatusOK, "DJANGO Admin styles")
	if got := b.Do(b.Request(http.MethodHead, "/", nil)).Want(t, http.StatusOK, ""); got.Text != "" {
		t.Errorf("HEAD has the body %q", got.Text)
	}
}
