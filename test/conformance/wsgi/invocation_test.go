package wsgi

import (
	"net/http"
	"slices"
	"strings"
)

func invocation() []statement {
	return []statement{
		{1, "M", "application(environ, start_response): two positional arguments, once per request", calledWithTwo},
		{2, "M", "environ is a dict, no subclass, fresh for each request", environIsFresh},
		{3, "M", "of the iterable only __len__, iteration and close are used", iterableIsLeftAlone},
		{4, "M", "start_response may be called in the first next()", startInNext},
		{5, "M", "start_response may be called after empty blocks", startAfterEmpty},
	}
}

func calledWithTwo(p probe) {
	p.is(p.get("/arguments"), http.StatusOK, "[0, []]")
	p.noted()
	p.get("/nothing")
	equal(p, "what one request did", p.noted(), "nothing closed")
}

func environIsFresh(p probe) {
	for range 3 {
		p.is(p.get("/environ-kept"), http.StatusOK, "[true, true]")
	}
}

func iterableIsLeftAlone(p probe) {
	p.noted()
	p.is(p.get("/touched"), http.StatusOK, "ab")
	for name := range strings.SplitSeq(p.noted(), ", ") {
		if !slices.Contains([]string{"__len__", "__iter__", "__next__", "close", "touched closed"}, name) {
			p.Errorf("the server asked for %s", name)
		}
	}
}

func startInNext(p probe) { p.is(p.get("/start-in-next"), http.StatusOK, "started in next") }

func startAfterEmpty(p probe) {
	p.is(p.get("/start-after-empty"), http.StatusOK, "started after empty blocks")
}
