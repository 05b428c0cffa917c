package clock

import "time"

// timer is one pending call. index is its place in the heap, -1 once it left it.
type timer struct {
	at    time.Time
	call  func()
	index int
}

// timers is a heap ordered by time (container/heap).
type timers []*timer

func (q timers) Len() int           { return len(q) }
func (q timers) Less(i, j int) bool { return q[i].at.Before(q[j].at) }

func (q timers) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}

func (q *timers) Push(x any) {
	t := x.(*timer) //nolint:forcetypeassert // AfterFunc pushes nothing else
	t.index = len(*q)
	*q = append(*q, t)
}

func (q *timers) Pop() any {
	old := *q
	last := len(old) - 1
	t := old[last]
	old[last] = nil
	t.index = -1
	*q = old[:last]
	return t
}
