package tenants

import "time"

// sweepEvery is how often instances are looked at that may have been idle for too long.
const sweepEvery = time.Second

// sweep closes, until stop is closed, instances that nobody needed for as long as their
// bundle says.
func (r *Registry) sweep(stop <-chan struct{}) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case now := <-tick.C:
			for _, t := range r.Tenants() {
				t.dropIdle(now)
			}
		}
	}
}

// dropIdle closes the instances that have been idle for too long. Those of an app that has no
// snapshot stay: the next would have to import it.
func (t *Tenant) dropIdle(now time.Time) {
	v := t.current.Load()
	if v.apart.Load() {
		return
	}
	n := v.pool.DropIdleSince(now.Add(-v.bundle.Manifest.Idle))
	t.counts.idle.Add(int64(n))
}
