package pipeline

import (
	"math"
	"sync"
	"time"
)

// Latency is a histogram of durations with 4 % wide buckets from 50 µs to about 10 minutes,
// good enough for percentiles that are read by people. The zero value is ready; safe for
// concurrent use; fixed memory.
type Latency struct {
	mu     sync.Mutex
	counts [latencyBuckets]uint64
	n      uint64
}

const (
	latencyBuckets = 420
	latencyFirst   = 50 * time.Microsecond
	latencyGrowth  = 1.04
)

// Add counts one duration.
func (l *Latency) Add(d time.Duration) {
	i := 0
	if d > latencyFirst {
		i = int(math.Log(float64(d)/float64(latencyFirst)) / math.Log(latencyGrowth))
		i = min(i+1, latencyBuckets-1)
	}
	l.mu.Lock()
	l.counts[i]++
	l.n++
	l.mu.Unlock()
}

// Quantile returns the duration that a share q of all samples does not exceed, 0 without
// samples.
func (l *Latency) Quantile(q float64) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.n == 0 {
		return 0
	}
	want := uint64(math.Ceil(q * float64(l.n)))
	var seen uint64
	for i, c := range l.counts {
		seen += c
		if seen >= want && seen > 0 {
			return time.Duration(float64(latencyFirst) * math.Pow(latencyGrowth, float64(i)-.5))
		}
	}
	return 0
}

// meter measures a rate over the last seconds.
type meter struct {
	times [64]time.Time
	n     int // events so far
}

// meterWindow is how far back a rate looks.
const meterWindow = 5 * time.Second

func (m *meter) tick(t time.Time) {
	m.times[m.n%len(m.times)] = t
	m.n++
}

// rate returns events a second over the window that ends now.
func (m *meter) rate(now time.Time) float64 {
	k := min(m.n, len(m.times))
	oldest, count := now, 0
	for i := 1; i <= k; i++ {
		t := m.times[(m.n-i)%len(m.times)]
		if now.Sub(t) > meterWindow {
			break
		}
		oldest = t
		count++
	}
	if count < 2 {
		return 0
	}
	newest := m.times[(m.n-1)%len(m.times)]
	span := newest.Sub(oldest)
	// A silence longer than two usual gaps counts against the rate.
	if idle := now.Sub(newest); idle > 2*span/time.Duration(count-1) {
		span += idle
	}
	if span <= 0 {
		return 0
	}
	return float64(count-1) / span.Seconds()
}
