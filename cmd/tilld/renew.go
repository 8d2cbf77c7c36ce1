package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/tilld/tilld/agent"
	"github.com/tilld/tilld/agent/wallet"
)

const (
	renewEvery  = 12 * time.Hour // WeChat Pay lists a new certificate a day before it signs with it
	renewAgain  = 10 * time.Minute
	renewWithin = 15 * time.Second
)

// certifier is a wallet whose new certificates can be asked for.
type certifier interface {
	Certificates(ctx context.Context) ([]wallet.WalletKey, error)
}

// renewing is a contract whose wallet's certificates are asked for.
type renewing struct {
	name   string
	wallet certifier
	ring   *wallet.Ring
}

// renewals are the contracts that have the shared key that this needs.
func renewals(list []agent.Contract, rings map[string]*wallet.Ring) (out []renewing) {
	for _, c := range list {
		ring := rings[c.Ref.Name]
		if w, ok := c.Wallet.(certifier); ok && ring.Keys().Secret != nil {
			out = append(out, renewing{c.Ref.Name, w, ring})
		}
	}
	return out
}

// renewCertificates asks the wallets for their new certificates until ctx ends, so that answers
// signed with one of them are believed from the first on. Keys of the configuration stay.
func (d *daemon) renewCertificates(ctx context.Context, every, again time.Duration) {
	for {
		next := every
		for _, r := range d.renewals {
			if err := d.renew(ctx, r); err != nil && ctx.Err() == nil {
				next = again
				d.log.Debug("ask for the wallet's certificates", "contract", r.name, "err", err)
			}
		}
		timer := time.NewTimer(next)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}

func (d *daemon) renew(ctx context.Context, r renewing) error {
	ctx, cancel := context.WithTimeout(ctx, renewWithin)
	defer cancel()
	asked := r.ring.Keys()
	keys, err := r.wallet.Certificates(ctx)
	if err != nil {
		return err
	}
	d.reloading.Lock()
	defer d.reloading.Unlock()
	if r.ring.Keys() != asked {
		// What the old keys vouched for is not believed beside the new ones.
		return errors.New("the contract's keys were replaced meanwhile")
	}
	held := *asked
	more := withKeys(held.Wallet, keys)
	if len(more) == len(held.Wallet) {
		return nil
	}
	for _, k := range more[len(held.Wallet):] {
		d.log.Info("the wallet has a new certificate: put it into wallet_keys before the next start", "contract", r.name, "serial", k.ID)
	}
	d.fetched[r.name] = withKeys(d.fetched[r.name], keys)
	held.Wallet = more
	r.ring.Replace(held)
	return nil
}

// withKeys is the list with those of more that it lacks at its end.
func withKeys(list, more []wallet.WalletKey) []wallet.WalletKey {
	list = slices.Clip(list)
	for _, k := range more {
		if !slices.ContainsFunc(list, func(have wallet.WalletKey) bool {
			return strings.EqualFold(have.ID, k.ID) && samePublic(have.Public, k.Public)
		}) {
			list = append(list, k)
		}
	}
	return list
}
