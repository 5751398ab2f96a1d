package guest

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"wasgi/abi"
)

// Code that never ends, but for the interrupt, by what it shows.
func endless() map[string]string {
	return map[string]string{
		"a loop":              "interrupt()\nwhile True: pass",
		"a call":              "def f():\n  while True: g()\ndef g(): interrupt()\nf()",
		"recursion":           "import sys\nsys.setrecursionlimit(10**6)\ndef f(n):\n  if n == 500: interrupt()\n  if n < 10**5: f(n + 1)\nwhile True: f(0)",
		"a generator":         "def f():\n  interrupt()\n  while True: yield\nfor x in f(): pass",
		"a comprehension":     "import itertools\ninterrupt()\n[0 for x in itertools.count() if x < 0]",
		"except Exception":    "interrupt()\nwhile True:\n  try:\n    while True: pass\n  except Exception: pass",
		"time.sleep":          "import time\ninterrupt()\ntime.sleep(3600)",
		"a handler":           "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\ninterrupt()\nwhile True: pass",
		"tracing":             "import sys\nsys.settrace(lambda *a: None)\ndef f():\n  interrupt()\n  while True: pass\ntry: f()\nfinally: sys.settrace(None)",
		"asyncio":             "import asyncio\nasync def main():\n  interrupt()\n  while True: await asyncio.sleep(0)\nasyncio.run(main())",
		"an asyncio task":     "import asyncio\nasync def f():\n  interrupt()\n  while True: pass\nasync def main(): await asyncio.gather(f(), asyncio.sleep(0))\nasyncio.run(main())",
		"an asyncio callback": "import asyncio\nasync def main():\n  def f():\n    interrupt()\n    while True: pass\n  asyncio.get_running_loop().call_soon(f)\n  while True: await asyncio.sleep(0)\nasyncio.run(main())",
		"an executor":         "from concurrent.futures import ThreadPoolExecutor as E\ndef f():\n  interrupt()\n  while True: pass\nwith E() as e: e.submit(f)\nwhile True: pass",
		"a __del__":           "class C:\n  def __del__(self):\n    interrupt()\n    while True: pass\nC()\nwhile True: pass",
		"a weakref callback":  "import weakref\nclass C: pass\ndef f(r):\n  interrupt()\n  while True: pass\nc = C()\nr = weakref.ref(c, f)\ndel c\nwhile True: pass",
		"a gc callback":       "import gc\ndef f(*a):\n  gc.callbacks.clear()\n  interrupt()\n  while True: pass\ngc.collect()\ngc.callbacks.append(f)\ngc.collect()\nwhile True: pass",
		"a SQL function":      "import sqlite3\ndb = sqlite3.connect(':memory:')\ndef f():\n  interrupt()\n  while True: pass\ndb.create_function('f', 0, f)\ntry: db.execute('select f()').fetchall()\nexcept sqlite3.Error: pass\nwhile True: pass",
		"__lt__":              "class C:\n  def __lt__(self, o): interrupt()\nwhile True: [C() for n in range(9)].sort()",
		"another exception":   "def f():\n  try: 1 / 0\n  finally:\n    interrupt()\n    while True: pass\nf()",

		// From here on only C code asks.
		"re":               "import re\nannounce()\nre.match('(a*)*b', 'a' * 40)",
		"int's power":      "announce()\n3 ** (3 ** 19)",
		"int's digits":     "import sys\nsys.set_int_max_str_digits(0)\nn = 1 << 10**7\nannounce()\nstr(n)",
		"int's division":   "n, m = (1 << 10**7) - 1, (1 << 10**6) + 1\nannounce()\nn // m",
		"sum":              "import itertools\nannounce()\nsum(itertools.repeat(0))",
		"max":              "import itertools\nannounce()\nmax(itertools.permutations(range(20)))",
		"in":               "import itertools\nannounce()\n-1 in itertools.count()",
		"set":              "import itertools\nannounce()\nset(itertools.repeat(0))",
		"any":              "import itertools\nannounce()\nany(itertools.repeat(0))",
		"all":              "import itertools\nannounce()\nall(itertools.repeat(1))",
		"list":             "import itertools\nannounce()\nlist(itertools.repeat(0))",
		"tuple":            "import itertools\nannounce()\ntuple(itertools.repeat(0))",
		"join":             "import itertools\nannounce()\n''.join(itertools.repeat(''))",
		"reduce":           "import functools, itertools, operator\nannounce()\nfunctools.reduce(operator.add, itertools.count())",
		"deque":            "import collections, itertools\nannounce()\ncollections.deque(itertools.count(), maxlen=3)",
		"deque of nothing": "import collections, itertools\nannounce()\ncollections.deque(itertools.count(), maxlen=0)",
		"sort":             "l = list(range(1000))\nannounce()\nl.sort()",
		"SQL":              "import sqlite3\ndb = sqlite3.connect(':memory:')\nannounce()\ndb.execute('with recursive r(n) as (select 1 union all select n + 1 from r) select max(n) from r').fetchall()",
		"SQL, after a handler": "import sqlite3\ndb = sqlite3.connect(':memory:')\ndb.set_progress_handler(lambda: 0, 5)\ndb.set_progress_handler(None, 0)\nannounce()\n" +
			"db.execute('with recursive r(n) as (select 1 union all select n + 1 from r) select max(n) from r').fetchall()",
	}
}

// TestGuest compiles the guest program once, for all there is to see of it.
func TestGuest(t *testing.T) {
	img := compile(t)
	i := img.start(t, 0)
	t.Run("an interrupt ends the call", func(t *testing.T) { interrupts(t, i) })
	t.Run("what C code waits for", func(t *testing.T) { sleeps(t, i) })
	t.Run("what code can do", func(t *testing.T) { caught(t, i) })
	t.Run("an exception of its own", func(t *testing.T) { unasked(t, i) })
	t.Run("no memory", func(t *testing.T) { full(t, i) })
	t.Run("limits", func(t *testing.T) { limits(t, i) })
	t.Run("hash seed", func(t *testing.T) { seeds(t, img) })
}

func interrupts(t *testing.T, i *instance) {
	for name, code := range endless() {
		t.Run(name, func(t *testing.T) {
			before := i.guest.Raised()
			if outcome := i.run(t, code); outcome != abi.OutcomeInterrupted {
				t.Errorf("outcome %d, body %q", outcome, i.body)
			}
			if !strings.Contains(i.report, "wasgi.LimitExceeded: cpu: used 510ms of CPU, may use 500ms") || !strings.Contains(i.report, `File "/app/code.py", line`) {
				t.Errorf("report:\n%s", i.report)
			}
			if before, _, only := strings.Cut(code, "announce()\n"); only {
				if line := fmt.Sprintf("line %d, in <module>\n", strings.Count(before, "\n")+2); !strings.Contains(i.report, line) {
					t.Errorf("want it raised in %s:\n%s", line, i.report)
				}
			}
			if got := i.guest.Raised(); got == before {
				t.Errorf("raised %d, before %d", got, before)
			}
		})
	}
	if got := i.result(t, "result = 6 * 7"); got != "42" {
		t.Errorf("afterwards 6 * 7 is %s", got)
	}
}

// A deadline ends the guest's sleep from outside; why is then raised.
func sleeps(t *testing.T, i *instance) {
	for name, code := range map[string]string{
		"time.sleep":  "import time\nannounce()\ntime.sleep(3600)",
		"select":      "import select\nannounce()\nselect.select([], [], [], 3600)",
		"a lock":      "import threading, time\nlock = threading.Lock()\nlock.acquire()\nannounce()\nlock.acquire(timeout=3600)\ntime.sleep(0)",
		"a condition": "import threading, time\nannounce()\nthreading.Event().wait(3600)\ntime.sleep(0)",
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
			defer cancel()
			i.sandbox.SetContext(ctx)
			defer i.sandbox.SetContext(context.Background())
			if outcome := i.run(t, code); outcome != abi.OutcomeInterrupted {
				t.Errorf("outcome %d: %s", outcome, i.report)
			}
		})
	}
}

func caught(t *testing.T, i *instance) {
	for name, test := range map[string]struct{ code, want string }{
		"except BaseException":  {"try:\n  interrupt()\n  while True: pass\nexcept BaseException as e: result = repr(e)", "LimitExceeded('cpu', 'used 510ms of CPU, may use 500ms')"},
		"its name":              {"try:\n  interrupt()\n  while True: pass\nexcept wasgi.LimitExceeded as e: result = e.limit, str(e)", "('cpu', 'cpu: used 510ms of CPU, may use 500ms')"},
		"the client has gone":   {"try:\n  interrupt('gone')\n  while True: pass\nexcept wasgi.ClientGone as e: result = e", "the client has gone"},
		"the server ends":       {"try:\n  interrupt('shutdown')\n  while True: pass\nexcept wasgi.ShuttingDown as e: result = e", "the server waits no longer"},
		"finally":               {"result = []\ntry:\n  try:\n    interrupt()\n    while True: pass\n  finally: result.append(sum(range(10)))\nexcept BaseException: result.append('out')", "[45, 'out']"},
		"with":                  {"class C:\n  def __enter__(self): pass\n  def __exit__(self, t, *a):\n    global result\n    result = t.__name__\n    return True\nwith C():\n  interrupt()\n  while True: pass", "LimitExceeded"},
		"a generator's finally": {"def f():\n  global result\n  try:\n    while True: yield\n  finally: result = 'closed'\ntry:\n  for x in f(): interrupt()\nexcept BaseException: pass", "closed"},
		"its context":           {"try:\n  try: 1 / 0\n  except ArithmeticError:\n    interrupt()\n    while True: pass\nexcept BaseException as e: result = repr(e.__context__)", "ZeroDivisionError('division by zero')"},
		"once":                  {"n = 0\ntry:\n  interrupt()\n  while True: pass\nexcept BaseException:\n  for x in range(10**5): n += 1\nresult = n", "100000"},
		"twice":                 {"n = 0\nwhile n < 3:\n  try:\n    interrupt()\n    while True: pass\n  except BaseException: n += 1\nresult = n", "3"},
		"pickle":                {"import pickle\ntry:\n  interrupt()\n  while True: pass\nexcept BaseException as e: result = repr(pickle.loads(pickle.dumps(e)))", "LimitExceeded('cpu', 'used 510ms of CPU, may use 500ms')"},
		"a sort's list":         {"l = list(range(1000))\nannounce()\ntry: l.sort(reverse=True)\nexcept BaseException: result = len(l), sum(l)", "(1000, 499500)"},
		"a SQL transaction":     {"import sqlite3\ndb = sqlite3.connect(':memory:')\ndb.execute('create table t(n)')\nannounce()\ntry: db.execute('insert into t with recursive r(n) as (select 1 union all select n + 1 from r) select n from r')\nexcept BaseException as e: result = type(e).__name__, db.execute('select count(*) from t').fetchone()", "('LimitExceeded', (0,))"},
		"another interpreter":   {"try: import _interpreters\nexcept ImportError: result = 'none'", "none"}, // which no interrupt would reach
	} {
		t.Run(name, func(t *testing.T) {
			if got := i.result(t, test.code); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

// An exception that no interrupt has raised is the app's own, and one raised late is too
// late for the next request.
func unasked(t *testing.T, i *instance) {
	if outcome := i.run(t, "raise wasgi.LimitExceeded('cpu', 'says the app')"); outcome != abi.OutcomeExit {
		t.Errorf("outcome %d: %s", outcome, i.report)
	}
	if got := i.result(t, "class Body(list):\n  def close(self): announce()\nbody = Body([b'sent'])"); got != "sent" {
		t.Errorf("got %q", got)
	}
	if got := i.result(t, "import itertools\nresult = sum(itertools.repeat(1, 10))"); got != "10" {
		t.Errorf("got %q", got)
	}
}

// full interrupts an app that has used up its memory and goes on trying for more.
func full(t *testing.T, i *instance) {
	outcome := i.run(t, `
kept = []
for size in 1 << 20, 1 << 16, 1 << 10, 64:
    while True:
        try:
            kept.append(bytes(size))
        except MemoryError:
            break
interrupt()
while True:
    try:
        kept.append(bytes(64))
    except MemoryError:
        pass
`)
	if outcome != abi.OutcomeInterrupted || !strings.Contains(i.report, "LimitExceeded") {
		t.Errorf("outcome %d, report:\n%s", outcome, i.report)
	}
}
