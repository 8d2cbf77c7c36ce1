package demo

import (
	"context"
	"time"

	"github.com/tilld/tilld/agent"
	"github.com/tilld/tilld/agent/provider/providertest"
	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/agent/wallet/wallettest"
	"github.com/tilld/tilld/biometric/biometrictest/stage"
	"github.com/tilld/tilld/cmd/tillsim/rig"
	"github.com/tilld/tilld/cmd/tillsim/verdict"
)

// enrolsAndPays: somebody consents, is enrolled, and pays without a phone.
func enrolsAndPays(p *play) {
	p.enrol(enrolled())
	before := p.rig.Palm.Provider.Counts()
	p.paysWithPalm(p.basket())
	p.counted(before, "issued", 1)
	p.counted(before, "voided", 0)
}

// thenCode: no credential was made, or none is left, and a code pays.
func (p *play) thenCode(b basket, r *request) {
	p.armed(b)
	p.showFresh(wallettest.Alipay)
	p.told(r)
}

// strangerRefused: somebody else has the member code of somebody who is enrolled.
func strangerRefused(p *play) {
	before := p.rig.Palm.Provider.Counts()
	b := p.basket()
	r := p.sell(b, success)
	p.wantReason(p.presents(enrolled(), rig.Stranger), append(unclear(), agent.PalmUnknown, agent.PalmHand)...)
	p.counted(before, "issued", 0)
	p.thenCode(b, r)
}

// notEnrolled: a member who never consented.
func notEnrolled(p *play) {
	before := p.rig.Palm.Provider.Counts()
	b := p.basket()
	r := p.sell(b, success)
	m := rig.Members()[1]
	p.wantReason(p.presents(m, m.Person), agent.PalmUnknown)
	p.counted(before, "issued", 0)
	p.thenCode(b, r)
}

// givesUp is how long somebody with a fake hopes for the best.
const givesUp = 2500 * time.Millisecond

// fakeRefused: somebody shows a picture of the palm of somebody who is enrolled. It is judged
// and refused, or it is no hand to the till at all.
func fakeRefused(instrument string) func(*play) {
	return func(p *play) {
		before := p.rig.Palm.Provider.Counts()
		b := p.basket()
		r := p.sell(b, success)
		p.claim(enrolled())
		p.ready()
		p.do("hold a fake", func(context.Context) error { return p.rig.Palm.HoldFake(instrument, enrolled().Person) })
		if s, over := p.overWithin(givesUp); !over && p.err == nil {
			// It may be over in this very moment.
			_ = p.rig.Touch(p.ctx, rig.Touch{Payment: s.Payment, Step: s.Step, Deed: agent.DeedStop})
		}
		p.wantReason(p.over(), append(unclear(), "")...)
		p.counted(before, "presented", 0)
		p.counted(before, "issued", 0)
		p.thenCode(b, r)
	}
}

// overWithin reports whether the till looks for a palm no more within a time. The screen that
// says so is still to be waited for.
func (p *play) overWithin(d time.Duration) (agent.Screen, bool) {
	if p.err != nil {
		return agent.Screen{}, false
	}
	ctx, cancel := context.WithTimeout(p.ctx, d)
	defer cancel()
	_, _, err := p.rig.Watch.Await(ctx, p.look, "the till to look no more", func(h rig.Happening) bool {
		return h.Screen != nil && h.Screen.Kind != agent.ScreenPresent
	})
	return p.rig.Watch.Screen(), err == nil
}

// notConfirmed: the provider has made a credential, and the person says no.
func notConfirmed(p *play) {
	before := p.rig.Palm.Provider.Counts()
	b := p.basket()
	r := p.sell(b, success)
	p.touch(p.known(b), agent.DeedNo, nil)
	p.left()
	p.eventually("the credential to be void", func() bool {
		return p.rig.Palm.Provider.Counts()["voided"] == before["voided"]+1
	})
	p.thenCode(b, r)
	p.counted(before, "issued", 1)
}

// abortPresenting: the cashier aborts while a hand is over the camera.
func abortPresenting(p *play) {
	before := p.rig.Palm.Provider.Counts()
	r := p.sell(p.basket(), abortedUnsent)
	p.claim(enrolled())
	p.ready()
	p.abort(r)
	p.told(r)
	p.dark()
	p.counted(before, "issued", 0)
}

// codeShown: a code that is shown to a till that looks for a palm pays.
func codeShown(p *play) {
	r := p.sell(p.basket(), success)
	p.claim(enrolled())
	p.ready()
	p.showFresh(wallettest.UnionPay)
	p.told(r)
}

// providerDown: the provider goes while somebody wants to pay by palm. From then on nobody is
// offered it, until it is back.
func providerDown(p *play) {
	b := p.basket()
	r := p.sell(b, success)
	mark := p.rig.Watch.Mark()
	p.do("take the provider away", func(context.Context) error {
		return p.rig.Palm.Provider.Inject(providertest.Fault{Kind: providertest.Down}, -1)
	})
	p.claim(enrolled())
	p.wantReason(p.over(), agent.PalmOff)
	p.thenCode(b, r)
	p.cause(mark, "palm", true)

	b = p.basket()
	r = p.sell(b, success)
	if s := p.rig.Watch.Screen(); p.err == nil {
		if s.Palm {
			p.fail("palms are offered without a provider")
		}
		if p.rig.ChoosePalm(p.ctx, p.payment) == nil {
			p.fail("a palm can be chosen without a provider")
		}
	}
	p.showFresh(wallettest.Alipay)
	p.told(r)

	mark = p.rig.Watch.Mark()
	p.do("bring the provider back", func(context.Context) error { return p.rig.Palm.Provider.Clear() })
	p.cause(mark, "palm", false)
	p.paysWithPalm(p.basket())
}

// killPresenting: the till loses its power while somebody holds a hand over the camera.
// Nothing was sent.
func killPresenting(p *play) {
	r := p.sell(p.basket(), lost)
	p.claim(enrolled())
	p.ready()
	p.rig.Palm.Hold(enrolled().Person)
	p.killAndRestart()
	p.rig.Palm.Take()
	p.told(r)
	p.reconcile(r, wanted{"Failure/" + verdict.NotFound, verdict.Nothing})
}

// killCharged: the wallet has charged for the credential and not answered when the till loses
// its power.
func killCharged(p *play) {
	p.inject(rig.PalmWallet, wallettest.Fault{Kind: wallettest.Hold}, 1)
	seen := p.walletEvents()
	b := p.basket()
	r := p.sell(b, lost)
	p.touch(p.known(b), agent.DeedYes, nil)
	p.awaitWallet(seen, sale.OpPay, "done")
	p.killAndRestart()
	p.told(r)
	p.reconcile(r, success)
}

// withdrawn: somebody withdraws at the screen, and is not known any more.
func withdrawn(p *play) {
	m := enrolled()
	p.idle()
	p.do("withdraw", p.rig.WithdrawPalm)
	p.account(m)
	p.touch(p.screen(agent.ScreenWithdraw), agent.DeedYes, nil)
	p.screen(agent.ScreenWithdrawn)
	if p.err == nil && p.rig.Palm.Provider.Enrolled(m.ID) {
		p.fail("the provider still has a template of %s", m.ID)
	}
	before := p.rig.Palm.Provider.Counts()
	b := p.basket()
	r := p.sell(b, success)
	p.wantReason(p.presents(m, m.Person), agent.PalmUnknown)
	p.counted(before, "issued", 0)
	p.thenCode(b, r)
}

// palmLane is a till with a palm reader. What is enrolled first is known until it is withdrawn.
func palmLane() lane {
	all := []scenario{
		{"palm: enrolled, and pays", enrolsAndPays},
		{"palm: a stranger, with a member's code", strangerRefused},
		{"palm: a member who is not enrolled", notEnrolled},
		{"palm: a laser print", fakeRefused(stage.LaserPrint)},
		{"palm: a phone's screen", fakeRefused(stage.PhoneScreen)},
		{"palm: not confirmed", notConfirmed},
		{"palm: POS aborts while a palm is awaited", abortPresenting},
		{"palm: a code instead", codeShown},
		{"palm: what was sent, again and for another amount", replayed},
		{"palm: the provider is down", providerDown},
		{"palm: kill -9 after the credential was used", killCharged},
		{"palm: kill -9 while a palm is shown", killPresenting},
		{"palm: consent withdrawn", withdrawn},
	}
	for i := range all {
		all[i].play = palm(all[i].play)
	}
	return lane{name: "palm", palm: true, scenarios: all}
}
