package test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"wasgi/test/testkit"
)

// fidelityCase is a piece of Python, and what it must print, or raise as "Type: text",
// among other things.
type fidelityCase struct {
	name, code string
	want       []string
}

// TestFidelity runs Python code as an app and on the command line: what cannot work in
// the sandbox says so, and what merely could use more than there is works.
func TestFidelity(t *testing.T) {
	t.Parallel()
	dir := testkit.StageAll(t, testkit.App{Name: "fidelity", Site: "django", Files: compiledPackages()})
	var cases []fidelityCase
	for _, group := range [][]fidelityCase{refusals(), asynchronous(), pools(), imports(), machine(), locks()} {
		cases = append(cases, group...)
	}
	t.Run("exec", func(t *testing.T) {
		in := encodeCases(t, cases)
		got := testkit.Command(t, in, "exec", "--state", t.TempDir(), "--app", dir+"/fidelity", "--", "app.py")
		if got.Code != 0 {
			t.Fatalf("exit code %d\n%s%s", got.Code, got.Out, got.Errors)
		}
		compareCases(t, cases, got.Out)
	})
	t.Run("app", func(t *testing.T) {
		server := testkit.Start(t, testkit.Options{Dir: dir})
		got := server.Browser(t, "fidelity.localhost").Send(http.MethodPost, "/", "application/json", encodeCases(t, cases))
		compareCases(t, cases, got.Want(t, http.StatusOK, "").Text)
	})
}

// TestFidelityStart starts Python with every warning an error: there is none.
func TestFidelityStart(t *testing.T) {
	t.Parallel()
	got := testkit.Exec(t, t.TempDir(), t.TempDir(), "-W", "error", "-X", "dev", "-c", "print('up')")
	if got.Out != "up\n" || strings.Contains(got.Errors, "Warning") {
		t.Errorf("it printed %q and %q, want \"up\\n\" and no warning", got.Out, got.Errors)
	}
}

func encodeCases(t *testing.T, cases []fidelityCase) string {
	codes := make([]string, len(cases))
	for i, c := range cases {
		codes[i] = c.code
	}
	text, err := json.Marshal(codes)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func compareCases(t *testing.T, cases []fidelityCase, text string) {
	var got []string
	if err := json.Unmarshal([]byte(text), &got); err != nil || len(got) != len(cases) {
		t.Fatalf("%d results for %d cases (%v): %.2000q", len(got), len(cases), err, text)
	}
	for i, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			for _, want := range c.want {
				if !strings.Contains(got[i], want) {
					t.Errorf("%q is not in what this told:\n%s\n\n%s", want, c.code, got[i])
				}
			}
		})
	}
}

// compiledPackages are packages installed with machine code inside.
func compiledPackages() map[string]string {
	return map[string]string{
		"site-packages/quick/__init__.py":                               "from quick import _speedups\n",
		"site-packages/quick/_speedups.cpython-313-x86_64-linux-gnu.so": "machine code",
		"site-packages/quick-1.4.2.dist-info/RECORD":                    "quick/__init__.py,,\nquick/_speedups.cpython-313-x86_64-linux-gnu.so,sha256=0,12\n",
		"site-packages/_loose.abi3.so":                                  "machine code",
		"site-packages/fallback/__init__.py":                            "try:\n    from fallback._fast import f\nexcept ImportError:\n    from fallback.slow import f\n",
		"site-packages/fallback/_fast.abi3.so":                          "machine code",
		"site-packages/beside.abi3.so":                                  "machine code",
		"site-packages/beside.py":                                       "",
		"site-packages/fallback/slow.py":                                "def f():\n    return 'slow'\n",
	}
}

// refusals cannot work, and say why.
func refusals() []fidelityCase {
	const sandbox = "wasgi's sandbox"
	return []fidelityCase{
		{"thread", "import threading\nthreading.Thread(target=print).start()", []string{"RuntimeError: can't start new thread", sandbox, "ThreadPoolExecutor"}},
		{"thread timer", "import threading\nthreading.Timer(1, print).start()", []string{"RuntimeError: can't start new thread", sandbox}},
		{"low-level thread", "import _thread\n_thread.start_new_thread(print, ())", []string{"RuntimeError: can't start new thread", sandbox}},
		{"fork", "import os\nprint(hasattr(os, 'fork'))\nos.fork()", []string{"False", "AttributeError: module 'os' has no attribute 'fork'", sandbox}},
		{"system", "import os\nos.system('ls')", []string{"AttributeError", "'system'", sandbox}},
		{"pipe", "import os\nos.pipe()", []string{"AttributeError", "'pipe'", sandbox}},
		{"misspelled", "import os\nos.frok", []string{"AttributeError: module 'os' has no attribute 'frok'\n"}},
		{"subprocess", "import subprocess\nsubprocess.run(['git', 'log'])", []string{"OSError", "cannot start 'git'", sandbox}},
		{"popen", "import os\nos.popen('ls -l')", []string{"OSError", "cannot start 'ls -l'", sandbox}},
		{"waitpid", "import os\nos.waitpid(-1, 0)", []string{"ChildProcessError"}},
		{"socket", "import socket\nsocket.socket()", []string{"OSError", sandbox + " has no network"}},
		{"connection", "import socket\nsocket.create_connection(('example.com', 80))", []string{"OSError", "('example.com', 80)", sandbox + " has no network"}},
		{"name look-up", "import socket\nsocket.getaddrinfo('example.com', 80)", []string{"gaierror", "'example.com'", sandbox + " has no network"}},
		{"urlopen", "import urllib.request\nurllib.request.urlopen('https://example.com')", []string{"URLError", sandbox + " has no network"}},
		{"http server", "import http.server\nhttp.server.HTTPServer(('', 8000), None)", []string{"OSError", sandbox + " has no network"}},
		{"tls", "import ssl\nc = ssl.create_default_context()\nc.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO())", []string{"SSLError", sandbox + " has no TLS"}},
		{"foreign library", "import ctypes\nctypes.CDLL('libm.so.6')", []string{"OSError: cannot load 'libm.so.6'", sandbox + " cannot run machine code"}},
		{"python's C interface", "import ctypes\nctypes.pythonapi.PyErr_Clear()", []string{"AttributeError: cannot call PyErr_Clear", sandbox}},
		{"extension of a package", "import quick", []string{"ImportError: cannot import 'quick._speedups'",
			"/app/site-packages/quick/_speedups.cpython-313-x86_64-linux-gnu.so", "package quick 1.4.2", "pure Python"}},
		{"extension alone", "import _loose", []string{"ImportError: cannot import '_loose'", "/app/site-packages/_loose.abi3.so"}},
		{"extension with an alternative", "import fallback\nprint(fallback.f())", []string{"slow\n"}},
		{"extension beside its alternative", "import beside\nprint(beside.__file__)", []string{"/app/site-packages/beside.py\n"}},
		{"extension looked for", "import importlib.util\nprint(importlib.util.find_spec('_loose').origin)", []string{"/app/site-packages/_loose.abi3.so\n"}},
		{"no such module", "import nosuch", []string{"ModuleNotFoundError: No module named 'nosuch'\n"}},
		{"tkinter", "import tkinter", []string{"ModuleNotFoundError: No module named 'tkinter': " + sandbox + " has no display"}},
		{"process", "import multiprocessing\nmultiprocessing.Process(target=print).start()", []string{"OSError", "Process-1", sandbox + " has no processes"}},
		{"process queue", "import multiprocessing\nmultiprocessing.Queue()", []string{"OSError", sandbox + " has no processes"}},
		{"process pool", "import multiprocessing\nmultiprocessing.Pool()", []string{"OSError", sandbox + " has no processes"}},
		{"alarm", "import signal\nsignal.alarm(1)", []string{"AttributeError: module 'signal' has no attribute 'alarm'", sandbox}},
		{"terminal", "import termios\ntermios.tcgetattr(0)", []string{"error", sandbox + " has no terminal"}},
		{"limit", "import resource\nresource.setrlimit(resource.RLIMIT_AS, (1, 1))", []string{"ValueError", "wasgi.toml"}},
	}
}

// asynchronous code runs on the standard event loop.
func asynchronous() []fidelityCase {
	run := func(body string) string {
		return "import asyncio, time\nasync def main():\n" + body + "\nprint(asyncio.run(main()))\n"
	}
	const sandbox = "wasgi's sandbox"
	return []fidelityCase{
		{"run", run(" await asyncio.sleep(0)\n return 'done'"), []string{"done"}},
		{"timers", run(" t = time.monotonic()\n await asyncio.gather(*(asyncio.sleep(.05) for _ in range(9)))\n return .04 < time.monotonic() - t < .4"), []string{"True"}},
		{"timeout", run(" async with asyncio.timeout(.01):\n  await asyncio.sleep(9)"), []string{"TimeoutError"}},
		{"queue", run(" q = asyncio.Queue(1)\n async def put():\n  for i in range(3): await q.put(i)\n async with asyncio.TaskGroup() as g:\n  g.create_task(put())\n  return [await q.get() for _ in range(3)]"), []string{"[0, 1, 2]"}},
		{"to_thread", run(" return await asyncio.to_thread(sum, [1, 2])"), []string{"3"}},
		{"run_in_executor", run(" return await asyncio.get_running_loop().run_in_executor(None, sum, [1, 2])"), []string{"3"}},
		{"run in to_thread", run(" r = await asyncio.to_thread(lambda: asyncio.run(asyncio.sleep(0, 'inner')))\n return r, asyncio.current_task() is not None"), []string{"('inner', True)"}},
		{"call_soon_threadsafe", run(" loop = asyncio.get_running_loop()\n f = loop.create_future()\n loop.call_soon_threadsafe(f.set_result, 7)\n return await f"), []string{"7"}},
		{"asynchronous subprocess", run(" await asyncio.create_subprocess_exec('ls')"), []string{"OSError", "cannot start 'ls'", sandbox}},
		{"asynchronous connection", run(" await asyncio.open_connection('example.com', 80)"), []string{"gaierror", sandbox + " has no network"}},
		{"asynchronous server", run(" await asyncio.start_server(print, port=80)"), []string{"OSError", sandbox + " has no network"}},
		{"nobody to wait for", run(" await asyncio.get_running_loop().create_future()"), []string{"RuntimeError: the event loop would wait for ever", sandbox}},
		{"asgiref", "from asgiref.sync import async_to_sync, sync_to_async\nimport asyncio\nasync def inner(x):\n return await sync_to_async(abs)(x)\n" +
			"async def view(x):\n return await sync_to_async(lambda: async_to_sync(inner)(x))(), await sync_to_async(abs, thread_sensitive=False)(x)\n" +
			"print(async_to_sync(view)(-4), asyncio.run(view(-5)))", []string{"(4, 4) (5, 5)"}},
	}
}

// pools of concurrent.futures run what they are given at once.
func pools() []fidelityCase {
	return []fidelityCase{
		{"thread pool", "from concurrent.futures import *\nwith ThreadPoolExecutor(4) as e:\n print(list(e.map(abs, [-1, 2])), e.submit(int, 'x').exception(), [f.result() for f in as_completed([e.submit(abs, -3)])])", []string{"[1, 2] invalid literal", "[3]"}},
		{"thread pool in itself", "from concurrent.futures import *\ne = ThreadPoolExecutor(1)\nprint(e.submit(lambda: e.submit(abs, -3).result()).result())", []string{"3"}},
		{"thread pool's initializer", "from concurrent.futures import *\nseen = []\ne = ThreadPoolExecutor(1, initializer=seen.append, initargs=(1,))\ne.submit(abs, 1)\ne.submit(abs, 1)\nprint(seen)", []string{"[1]"}},
		{"thread pool after shutdown", "from concurrent.futures import *\ne = ThreadPoolExecutor(1)\ne.shutdown()\ne.submit(abs, 1)", []string{"RuntimeError: cannot schedule new futures after shutdown"}},
		{"process pool executor", "from concurrent.futures import *\nwith ProcessPoolExecutor(2) as e:\n print(list(e.map(abs, [-1, 2], chunksize=2)))", []string{"[1, 2]"}},
	}
}

// imports of what CPython lacks on WASI work, and tell what is known.
func imports() []fidelityCase {
	return []fidelityCase{
		{"stubs", "import ctypes.util, ctypes.wintypes, fcntl, grp, mmap, multiprocessing.pool, pty, pwd, resource, socketserver, ssl, termios, tty\nprint(ctypes.util.find_library('c'), ssl.HAS_TLSv1_3)", []string{"None True"}},
		{"ssl", "import ssl\nc = ssl.create_default_context()\nc.check_hostname = False\nc.verify_mode = ssl.CERT_NONE\nc.minimum_version = ssl.TLSVersion.TLSv1_3\nprint(repr(c.verify_mode), c.minimum_version.name, ssl.SSLError.__mro__[1])", []string{"CERT_NONE", "TLSv1_3", "OSError"}},
		{"ctypes", "import ctypes\nclass P(ctypes.Structure):\n _fields_ = [('x', ctypes.c_char), ('y', ctypes.c_int)]\nprint(P(y=2).y, ctypes.sizeof(P), ctypes.c_uint8(257), ctypes.create_string_buffer(b'ab').value)", []string{"2 8 c_ubyte(1) b'ab'"}},
		{"user", "import getpass, os, pwd, grp\nprint(getpass.getuser(), pwd.getpwuid(os.getuid()).pw_dir, grp.getgrgid(os.getgid()).gr_name, os.path.expanduser('~/x'))", []string{"app /tmp app /tmp/x"}},
		{"host", "import os, socket\nprint(socket.gethostname(), socket.getfqdn(), socket.gethostbyname('localhost'), os.cpu_count())", []string{"localhost localhost 127.0.0.1 1"}},
		{"numbers as addresses", "import socket\nprint(socket.getaddrinfo('::1', 80, type=socket.SOCK_STREAM)[0][4], socket.inet_aton('1.2.3.4'))", []string{"('::1', 80, 0, 0) b'\\x01\\x02\\x03\\x04'"}},
		{"usage", "import resource\nprint(resource.getrusage(resource.RUSAGE_SELF).ru_utime > 0, resource.getrlimit(resource.RLIMIT_NOFILE))", []string{"True (-1, -1)"}},
		{"signal", "import signal\ngot = []\nsignal.signal(signal.SIGUSR1, lambda *a: got.append(a[0]))\nsignal.raise_signal(signal.SIGUSR1)\nprint(got == [signal.SIGUSR1])", []string{"True"}},
	}
}

// machine is what of a machine is there.
func machine() []fidelityCase {
	return []fidelityCase{
		{"time zones", "import zoneinfo, datetime\nz = zoneinfo.ZoneInfo('Europe/Vienna')\nprint(datetime.datetime(2026, 7, 1, tzinfo=z).utcoffset(), len(zoneinfo.available_timezones()) > 400)", []string{"2:00:00 True"}},
		{"locale", "import locale\nlocale.setlocale(locale.LC_ALL, '')\nprint(locale.getpreferredencoding())", []string{"utf-8"}},
		{"temporary files", "import tempfile, os\nwith tempfile.TemporaryDirectory() as d, tempfile.NamedTemporaryFile(dir=d) as f:\n f.write(b'x')\n f.flush()\n print(os.path.getsize(f.name))", []string{"1"}},
		{"mapped file", "import mmap, tempfile\nwith tempfile.TemporaryFile() as f:\n f.write(b'one\\ntwo')\n f.flush()\n with mmap.mmap(f.fileno(), 0) as m:\n  print(m.readline(), m.find(b'w'), m[-1:])\n  m[0:1] = b'O'\n f.seek(0)\n print(f.read())", []string{`b'one\n' 5 b'o'`, `b'One\ntwo'`}},
		{"file lock", "import fcntl, tempfile\nwith tempfile.TemporaryFile() as f:\n print(fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB))", []string{"None"}},
		{"times", "import os, time\nt = os.times()\nprint(0 <= t.user < 1000, abs(t.user - time.process_time()) < 1)", []string{"True True"}},
		{"uuid", "import uuid\nprint(uuid.uuid4().version, uuid.uuid1().version)", []string{"4 1"}},
		{"platform", "import platform\nprint(platform.python_implementation(), platform.system(), platform.libc_ver())", []string{"CPython wasi ('', '')"}},
		{"owners", "import os, tempfile\nprint(os.chown(tempfile.gettempdir(), os.getuid(), -1), oct(os.umask(0)))", []string{"None 0o22"}},
		{"tar as root", "import io, tarfile, tempfile, os\nb = io.BytesIO()\nwith tarfile.open(fileobj=b, mode='w') as t:\n i = tarfile.TarInfo('x')\n i.uid, i.size = 1000, 1\n t.addfile(i, io.BytesIO(b'y'))\nb.seek(0)\nwith tempfile.TemporaryDirectory() as d, tarfile.open(fileobj=b) as t:\n t.extractall(d, filter='data')\n print(os.listdir(d))", []string{"['x']"}},
	}
}

// locks behave as in a program of one thread.
func locks() []fidelityCase {
	const forever = "RuntimeError: this would wait for ever"
	return []fidelityCase{
		{"lock", "import threading\nl = threading.Lock()\nwith l:\n print(l.locked(), l.acquire(False), l.acquire(timeout=.01))\nprint(l.locked())", []string{"True False False\nFalse"}},
		{"lock taken twice", "import threading\nl = threading.Lock()\nl.acquire()\nl.acquire()", []string{forever}},
		{"recursive lock", "import threading\nl = threading.RLock()\nwith l, l:\n print('twice')", []string{"twice"}},
		{"event", "import threading, time\ne = threading.Event()\nt = time.monotonic()\nprint(e.wait(.05), time.monotonic() - t > .04)\ne.set()\nprint(e.wait())", []string{"False True\nTrue"}},
		{"event nobody sets", "import threading\nthreading.Event().wait()", []string{forever}},
		{"queue of this thread", "import queue\nq = queue.Queue()\nq.put(1)\nprint(q.get())\nq.get(timeout=.01)", []string{"1\nEmpty"}},
		{"queue nobody fills", "import queue\nqueue.Queue().get()", []string{forever}},
		{"simple queue nobody fills", "import queue\nqueue.SimpleQueue().get()", []string{forever}},
		{"local", "import threading\nl = threading.local()\nl.x = 1\nprint(l.x, threading.current_thread().name, threading.active_count())", []string{"1 MainThread 1"}},
		{"lock of processes", "import multiprocessing\nl = multiprocessing.Lock()\nwith l:\n print(l.acquire(timeout=.01), multiprocessing.cpu_count())", []string{"False 1"}},
	}
}
