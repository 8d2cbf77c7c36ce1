package demo

import (
	"time"
)

// people do what they do at their moments, until the answer comes. It returns the requests
// of the basket.
func (s chaosStory) people(p *play, b basket, asked []*request) []*request {
	defer p.rig.Silence(false)
	begun, moments := time.Now(), s.moments()
	for p.err == nil && len(moments) > 0 {
		r := asked[len(asked)-1]
		what, at := earliest(moments)
		if !p.until(r, begun.Add(at)) {
			break
		}
		delete(moments, what)
		switch what {
		case "abort":
			p.record.aborted(b)
			// The till may be down: an abort that fails is part of the story.
			_ = p.cashier.abort(p.ctx, r)
		case "again":
			p.hangUp(r)
			asked = append(asked, p.ask(b, wanted{}))
		case "cut":
			p.rig.Silence(true)
		case "back":
			p.rig.Silence(false)
		}
	}
	return asked
}

// moments are what the people and the network do, by their times after the scan.
func (s chaosStory) moments() map[string]time.Duration {
	m := map[string]time.Duration{}
	for what, at := range map[string]time.Duration{"abort": s.abort, "again": s.again, "cut": s.cut} {
		if at >= 0 {
			m[what] = at
		}
	}
	if s.cut >= 0 {
		m["back"] = s.cut + s.cutFor
	}
	return m
}

func earliest(moments map[string]time.Duration) (what string, at time.Duration) {
	at = -1
	for w, t := range moments {
		if at < 0 || t < at || t == at && w < what {
			what, at = w, t
		}
	}
	return what, at
}

// armedOrOver waits until the till takes a code for the basket, or has answered, or its
// connection is lost.
func (p *play) armedOrOver(b basket, r *request) {
	if p.err != nil {
		return
	}
	ctx, cancel := p.within()
	defer cancel()
	go func() {
		select {
		case <-r.done:
			cancel()
		case <-ctx.Done():
		}
	}()
	if _, next, err := p.rig.Watch.Await(ctx, p.mark, "the scanner to be armed for "+b.amount.String(), armedFor(b)); err == nil {
		p.mark = next
		return
	}
	select {
	case <-r.done:
	default:
		p.fail("the scanner was not armed for %s within %s", b.amount, stepWithin)
	}
}
