package test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"wasgi/test/testkit"
)

// outcome is what came of an attempt of the escapes app.
type outcome struct {
	Result      string
	Error, Text string
}

// attempt runs Python in a tenant and returns what came of it.
func attempt(t *testing.T, b *testkit.Browser, code string) outcome {
	t.Helper()
	got := b.Send(http.MethodPost, "/", "text/x-python", code)
	var o outcome
	if err := json.Unmarshal([]byte(got.Text), &o); err != nil || got.StatusCode != http.StatusOK {
		t.Fatalf("%s: status %d, %q", code, got.StatusCode, got.Text)
	}
	return o
}

// TestIsolation lets an app try to leave its sandbox.
func TestIsolation(t *testing.T) {
	t.Parallel()
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("of the host"), 0o644); err != nil {
		t.Fatal(err)
	}
	dir := testkit.StageAll(t,
		testkit.App{Name: "escapes"},
		testkit.App{Name: "escapes", As: "neighbour", Host: "neighbour.localhost"})
	bundle := filepath.Join(dir, "escapes")
	links := map[string]string{
		"link-file": secret, "link-folder": filepath.Dir(secret), "link-up": "../../..", "link-neighbour": "../neighbour",
		"link-etc": "/etc", "link-proc": "/proc/self", "link-self": "link-self",
	}
	for name, target := range links {
		if err := os.Symlink(target, filepath.Join(bundle, name)); err != nil {
			t.Fatal(err)
		}
	}
	server := testkit.Start(t, testkit.Options{Dir: dir})
	escapes, neighbour := server.Browser(t, "escapes.localhost"), server.Browser(t, "neighbour.localhost")
	t.Run("reads", func(t *testing.T) { isolationReads(t, escapes, bundle, secret, server.State) })
	t.Run("writes", func(t *testing.T) { isolationWrites(t, escapes, bundle) })
	t.Run("processes", func(t *testing.T) { isolationProcesses(t, escapes) })
	t.Run("network", func(t *testing.T) { isolationNetwork(t, escapes) })
	t.Run("environment", func(t *testing.T) { isolationEnvironment(t, escapes) })
	t.Run("own folders", func(t *testing.T) { isolationFolders(t, escapes, neighbour) })
	t.Run("links in data", func(t *testing.T) { isolationDataLinks(t, server, escapes, secret) })
	t.Run("quotas", func(t *testing.T) { isolationQuotas(t, escapes) })
	t.Run("server's own", func(t *testing.T) { isolationInternals(t, escapes, neighbour) })
}

// isolationReads asks for files of the host by each way there could be. The sandbox may
// have a passwd of its own.
func isolationReads(t *testing.T, b *testkit.Browser, bundle, secret, state string) {
	for _, path := range []string{
		"/etc/passwd", "/app/../etc/passwd", "../etc/passwd", "../../../../../../etc/passwd", "/app/../../../../../../etc/passwd",
		"/data/../../../etc/passwd", "/tmp/../etc/passwd", "/usr/lib/python3.13/../../../etc/passwd", "//etc/passwd", "/./etc/passwd",
		"/etc/shadow", "/etc/ssl", "/proc/self/environ", "/proc/1/cmdline", "/sys/kernel", "/dev/mem", "/root", "/home",
		secret, "/app" + secret, bundle + "/app.py", state,
		"link-file", "link-folder/secret", "link-up/etc/passwd", "link-neighbour/app.py", "link-etc/passwd", "link-proc/environ", "link-self",
		"/var/cache/python/../../../etc/passwd",
	} {
		code := fmt.Sprintf("result = open(%q, 'rb').read()", path)
		got := attempt(t, b, code)
		if sandboxed := strings.HasSuffix(path, "/etc/passwd") && !strings.Contains(got.Result, "root:"); got.Error == "" && !sandboxed {
			t.Errorf("open(%q) read %.100s", path, got.Result)
		}
	}
	for _, path := range []string{"..", "/app/..", "/", "link-up", "link-etc", "link-folder"} {
		got := attempt(t, b, fmt.Sprintf("import os\nresult = sorted(os.listdir(%q))", path))
		for _, name := range []string{"root", "boot", "proc", "secret", "neighbour", "escapes"} {
			if strings.Contains(got.Result, "'"+name+"'") {
				t.Errorf("listdir(%q) shows %s: %s", path, name, got.Result)
			}
		}
	}
	if got := attempt(t, b, "open('app\\0.py')"); got.Error != "ValueError" {
		t.Errorf("a NUL in a name: %+v", got)
	}
	if got := attempt(t, b, "result = open('app.py').read()[:20]"); !strings.Contains(got.Result, "Tries to leave") {
		t.Errorf("the app cannot read its own file: %+v", got)
	}
}

// isolationWrites tries to change what is read-only.
func isolationWrites(t *testing.T, b *testkit.Browser, bundle string) {
	for _, code := range []string{
		"open('/app/new', 'w')", "open('/app/app.py', 'a')", "open('/app/app.py', 'r+')", "os.remove('/app/app.py')",
		"os.rename('/app/app.py', '/app/old.py')", "os.rename('/app/app.py', '/tmp/app.py')", "os.mkdir('/app/folder')",
		"os.rmdir('/app')", "os.truncate('/app/app.py', 0)", "os.utime('/app/app.py', (0, 0))", "os.symlink('/etc', '/app/etc')",
		"os.link('/app/app.py', '/tmp/linked')", "open('/usr/lib/python3.13/os.py', 'w')", "os.remove('/usr/lib/python3.13/os.py')",
		"open('/new', 'w')", "os.mkdir('/folder')", "open('link-file', 'w')", "open('link-folder/new', 'w')",
		"os.rmdir('/data')", "os.rename('/data', '/tmp/data')",
	} {
		if got := attempt(t, b, "import os\n"+code); got.Error == "" {
			t.Errorf("%s succeeds", code)
		}
	}
	attempt(t, b, "import os\nos.chmod('/app/app.py', 0o777)") // there are no modes to change
	if info, err := os.Stat(filepath.Join(bundle, "app.py")); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("the app's file has mode %v, %v", info.Mode(), err)
	}
	entries, err := os.ReadDir(bundle)
	if err != nil || len(entries) != 9 {
		t.Errorf("the bundle has %v, %v; want its two files and seven links", entries, err)
	}
}

func isolationProcesses(t *testing.T, b *testkit.Browser) {
	for _, code := range []string{
		"import subprocess\nsubprocess.run(['/bin/sh', '-c', 'id'])", "import os\nos.system('id')", "import os\nos.fork()",
		"import os\nos.execv('/bin/sh', ['sh'])", "import os\nos.popen('id').read()", "import os\nos.kill(1, 9)",
		"import multiprocessing\nmultiprocessing.Process(target=print).start()", "import ctypes\nctypes.CDLL(None)",
		"import threading\nthreading.Thread(target=print).start()", "import _thread\n_thread.start_new_thread(print, ())",
		"import mmap\nopen('/dev/mem')", "import resource\nresource.setrlimit(0, (0, 0))",
	} {
		if got := attempt(t, b, code); got.Error == "" {
			t.Errorf("%q succeeds", code)
		}
	}
	if got := attempt(t, b, "import os\nresult = os.getpid()"); got.Result == fmt.Sprint(os.Getpid()) {
		t.Errorf("os.getpid() is the host's: %+v", got)
	}
}

// isolationNetwork tries to connect to a listener of the host's.
func isolationNetwork(t *testing.T, b *testkit.Browser) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := l.Addr().(*net.TCPAddr).Port
	for _, code := range []string{
		"import socket\nsocket.create_connection(('127.0.0.1', %d), 1)", "import socket\ns = socket.socket()\ns.connect(('127.0.0.1', %d))",
		"import socket\ns = socket.socket()\ns.bind(('127.0.0.1', 0))\ns.listen()\n%d", "import socket\nsocket.socket(fileno=3)\nsocket.socket(%d)",
		"import urllib.request\nurllib.request.urlopen('http://127.0.0.1:%d/')", "import socket\nsocket.getaddrinfo('host.example', %d)",
		"import socket\nsocket.socketpair()\n%d", "import asyncio\nasyncio.run(asyncio.open_connection('127.0.0.1', %d))",
	} {
		if got := attempt(t, b, fmt.Sprintf(code, port)); got.Error == "" {
			t.Errorf("%q succeeds", code)
		}
	}
}

// isolationEnvironment looks for what the host's environment and command line say.
func isolationEnvironment(t *testing.T, b *testkit.Browser) {
	got := attempt(t, b, "import os, sys\nresult = dict(os.environ), sys.argv, sys.executable, sys.prefix, os.getcwd(), sys.path")
	for _, of := range []string{"HOME", "PATH'", "wasgi-test-", "/root", "WASGI_"} {
		if strings.Contains(got.Result, of) {
			t.Errorf("the guest sees %s: %s", of, got.Result)
		}
	}
	if got := attempt(t, b, readDescriptors); got.Result != "[]" {
		t.Errorf("the guest reads from open files: %+v", got)
	}
}

// readDescriptors reads from every descriptor but the standard streams.
const readDescriptors = `
import os

result = []
for fd in range(3, 256):
    try:
        result.append((fd, os.read(fd, 10)))
    except OSError:
        pass
`

// isolationFolders uses what the tenant may write, and looks for the neighbour's.
func isolationFolders(t *testing.T, b, neighbour *testkit.Browser) {
	attempt(t, b, "open('/data/kept', 'w').write('mine')\nopen('/tmp/passing', 'w').write('mine')")
	if got := attempt(t, b, "result = open('/data/kept').read()"); got.Result != "'mine'" {
		t.Errorf("/data does not keep: %+v", got)
	}
	for _, path := range []string{"/data", "/tmp"} {
		if got := attempt(t, neighbour, fmt.Sprintf("import os\nresult = os.listdir(%q)", path)); got.Result != "[]" {
			t.Errorf("the neighbour sees %s in %s", got.Result, path)
		}
	}
	if got := attempt(t, neighbour, "open('/data/../../escapes/data/kept')"); got.Error == "" {
		t.Errorf("the neighbour reads %+v", got)
	}
}

// isolationDataLinks makes links in /data, as the guest and as somebody on the host.
func isolationDataLinks(t *testing.T, server *testkit.Server, b *testkit.Browser, secret string) {
	for _, target := range []string{"/etc/passwd", "../../../../../../etc/passwd", secret, "/app/app.py"} {
		got := attempt(t, b, fmt.Sprintf("import os\nos.symlink(%q, '/data/link')\nresult = open('/data/link').read()", target))
		if got.Error == "" && !strings.Contains(got.Result, "Tries to leave") {
			t.Errorf("a link to %s reads %+v", target, got)
		}
	}
	if err := os.Symlink(secret, filepath.Join(server.State, "escapes", "data", "planted")); err != nil {
		t.Fatal(err)
	}
	for _, code := range []string{"result = open('/data/planted').read()", "open('/data/planted', 'w').write('x')"} {
		if got := attempt(t, b, code); got.Error == "" {
			t.Errorf("%s: %+v", code, got)
		}
	}
	if text, err := os.ReadFile(secret); err != nil || string(text) != "of the host" {
		t.Errorf("the host's file is %q, %v", text, err)
	}
}

// isolationQuotas fills what the tenant may write.
func isolationQuotas(t *testing.T, b *testkit.Browser) {
	for _, folder := range []string{"/data", "/tmp"} {
		got := attempt(t, b, fmt.Sprintf("with open(%q, 'wb') as f:\n    for _ in range(1000):\n        f.write(bytes(1 << 20))", folder+"/full"))
		if got.Error != "OSError" && got.Error != "MemoryError" {
			t.Errorf("a file of a gigabyte in %s: %+v", folder, got)
		}
		got = attempt(t, b, fmt.Sprintf("import os\nos.remove(%q)\nfor n in range(100_000):\n    open(f'%s/{n}', 'w').close()", folder+"/full", folder))
		if got.Error != "OSError" {
			t.Errorf("100000 files in %s: %+v", folder, got)
		}
	}
}

// isolationInternals spoils what the shim leaves in the interpreter: only this tenant may
// feel it.
func isolationInternals(t *testing.T, b, neighbour *testkit.Browser) {
	for _, code := range []string{
		"import sys\nsys.modules.clear()", "import builtins\nbuiltins.__dict__.clear()", "import sys\nsys.stderr = sys.stdout = None",
		"import os\nfor fd in range(100):\n    try:\n        os.close(fd)\n    except OSError:\n        pass",
		"import gc\nfor o in gc.get_objects():\n    if type(o) is dict:\n        o.clear()",
		"import wsgi\n", "import wasgi._report as r\nr.describe = None", "import _wasgi\n_wasgi.pbkdf2_hmac('sha256', b'', b'', 1, 1 << 40)",
		"import hashlib\nhashlib.scrypt(b'', salt=b'', n=1 << 30, r=1 << 20, p=1 << 20)", "import signal\nsignal.raise_signal(9)", "import faulthandler\nfaulthandler._sigsegv()",
	} {
		b.Send(http.MethodPost, "/", "text/x-python", code)
		if got := attempt(t, neighbour, "result = 6 * 7"); got.Result != "42" {
			t.Errorf("after %q the neighbour answers %+v", code, got)
		}
	}
}
