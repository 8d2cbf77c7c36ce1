package wallettest

import (
	"regexp"
	"time"
)

var aliMinutes = regexp.MustCompile(`^([1-9][0-9]{0,4})m$`)

// readOffer reads an order whose code is shown. It can be paid until the earlier of its two
// ends.
func (d *ali) readOffer(p *problems, o *order, in aliBiz) {
	d.readOrder(p, o, in)
	now := time.Now()
	end, err := time.ParseInLocation(aliTimeForm, in.TimeExpire, shanghai)
	p.check(err == nil && end.After(now), "time_expire %q is not a time to come", in.TimeExpire)
	minutes := aliMinutes.FindStringSubmatch(in.CodeTimeout)
	p.check(minutes != nil, "qr_code_timeout_express %q", in.CodeTimeout)
	if len(p.list) > 0 {
		return
	}
	life, err := time.ParseDuration(minutes[1] + "m")
	p.check(err == nil && life <= 2*time.Minute, "the code lives for %s", life)
	o.life = min(life, end.Sub(now))
}
