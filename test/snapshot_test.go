package test

import (
	"strings"
	"testing"

	"wasgi/test/testkit"
)

const copiedApp = `import os, random, uuid, wasgi

served, restored = 0, []
chance = random.Random()
fixed = random.Random(42)
open("/tmp/mark", "w").write("imported")
wasgi.after_restore(lambda: restored.append(os.urandom(4).hex()))
%s

def application(environ, start_response):
    global served
    served += 1
    with open("/tmp/mark", "r+") as mark:
        text = mark.read()
        mark.write("+")
    start_response("200 OK", [("Content-Type", "text/plain")])
    own = [random.random(), chance.random(), uuid.uuid4(), *restored]
    return [f"{served} {text} {fixed.random()} {' '.join(map(str, own))}".encode()]
`

// TestSnapshots asks an app that is copied for each request, and one whose instances are
// copies: what was left to chance differs, all else is as it was imported.
func TestSnapshots(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, more := range map[string]string{"plain": "", "baked": "secret = os.urandom(16)", "apart": "import tempfile; kept = tempfile.TemporaryFile()"} {
		testkit.Write(t, dir+"/"+name, testkit.Files{
			"app.py":     strings.Replace(copiedApp, "%s", more, 1),
			"wasgi.toml": "[app]\nentry = \"app:application\"\nhosts = [\"" + name + ".localhost\"]\nisolation = \"request\"\n",
		})
	}
	server := testkit.Start(t, testkit.Options{Dir: dir})
	for _, name := range []string{"plain", "baked", "apart"} {
		b := server.Browser(t, name+".localhost")
		seen := map[string]bool{}
		for range 20 {
			words := strings.Fields(b.Get("/").Text)
			if len(words) != 7 || words[0] != "1" || words[1] != "imported" || !strings.HasPrefix(words[2], "0.6394267984578837") {
				t.Fatalf("%s: got %q, want a first request, and the first number of seed 42", name, words)
			}
			for _, w := range words[3:] {
				if seen[w] {
					t.Errorf("%s: %s comes twice", name, w)
				}
				seen[w] = true
			}
		}
	}
	server.Log.Wait(t, 0, testkit.Match{Tenant: "baked", Text: "app.py:8: os.urandom(16) while the app was imported"})
	server.Log.Wait(t, 0, testkit.Match{Tenant: "apart", Text: "each instance imports the app for itself: "})
}
