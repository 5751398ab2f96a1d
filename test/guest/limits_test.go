package guest

import (
	"testing"

	"wasgi/abi"
)

// limits shows environ["wasgi.limits"], which asks the host.
func limits(t *testing.T, i *instance) {
	i.left = map[int]int64{abi.LeftCPU: 490_500_000, abi.LeftTimeout: 0, abi.LeftCPUShare: -1, abi.LeftData: 1 << 40, abi.LeftStack: -1}
	defer func() { i.left = map[int]int64{} }()
	for code, want := range map[string]string{
		`l["cpu"], l["timeout"], l["data"]`: "(0.4905, 0.0, 1099511627776)",
		`dict(l)`:                           "{'cpu': 0.4905, 'timeout': 0.0, 'data': 1099511627776}",
		`len(l), "cpu" in l, "stack" in l, "no" in l, 1 in l, l.get("stack")`: "(3, True, False, False, False, None)",
		`repr(l)`: "<wasgi.limits {'cpu': 0.4905, 'timeout': 0.0, 'data': 1099511627776}>",
		`l is wasgi.limits, isinstance(l, __import__("collections").abc.Mapping)`: "(True, True)",
		`hasattr(l, "__setitem__"), hasattr(l, "__dict__")`:                       "(False, False)",
	} {
		if got := i.result(t, "l = environ['wasgi.limits']\nresult = "+code); got != want {
			t.Errorf("%s is %s, want %s", code, got, want)
		}
	}
	i.left[abi.LeftCPU] = 1
	if got := i.result(t, "result = environ['wasgi.limits']['cpu']"); got != "1e-09" {
		t.Errorf("now cpu is %s", got)
	}
}

// seeds shows that a seed fixes hashes, and so the order of a set.
func seeds(t *testing.T, img *image) {
	const code = "result = hash('a'), hash(b'a'), list({str(n) for n in range(20)})"
	seven := img.start(t, 7).result(t, code)
	if again := img.start(t, 7).result(t, code); again != seven {
		t.Errorf("with the same seed %s, and then %s", seven, again)
	}
	if other := img.start(t, 8).result(t, code); other == seven {
		t.Error("another seed makes no difference")
	}
	if chance, again := img.start(t, 0).result(t, code), img.start(t, 0).result(t, code); chance == again || chance == seven {
		t.Error("without a seed there is no chance in it")
	}
}
