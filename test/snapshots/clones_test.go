package snapshots

import (
	"strings"
	"testing"
)

const clonedApp = `import random, secrets, tempfile, uuid
own = random.Random()

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    with tempfile.NamedTemporaryFile() as file:
        values = [random.random(), own.random(), uuid.uuid4(), secrets.token_hex(), file.name]
    return [" ".join(map(str, values)).encode()]
`

// TestClonesAreUnlike: of many instances of one snapshot no two draw the same.
func TestClonesAreUnlike(t *testing.T) {
	a := newHouse(t).write(t, "cloned", clonedApp)
	seen := map[string]bool{}
	for n := range times(t, "WASGI_CLONES", 300) {
		i := a.restore(t)
		words := strings.Fields(ask(t, i))
		i.Close()
		if len(words) != 5 {
			t.Fatalf("clone %d answers %q", n, words)
		}
		for _, w := range words {
			if seen[w] {
				t.Fatalf("clone %d draws %s, as one before", n, w)
			}
			seen[w] = true
		}
	}
}
