package main

import (
	"github.com/tilld/tilld/agent"
	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/agent/wallet"
	"github.com/tilld/tilld/agent/wallet/alipay"
	"github.com/tilld/tilld/agent/wallet/alipayplus"
	"github.com/tilld/tilld/agent/wallet/lakala"
	"github.com/tilld/tilld/agent/wallet/unionpay"
	"github.com/tilld/tilld/agent/wallet/wechatpay"
	"github.com/tilld/tilld/agent/wallet/wechatpayv2"
	"github.com/tilld/tilld/cmd/tilld/internal/config"
)

// walletRow is one wallet that contracts may name.
type walletRow struct {
	config.Wallet
	clock    func() sale.Clock
	merchant func(settings map[string]string) (merchant, sub string)
	make     func(cfg wallet.Config, settings map[string]string) (agent.Wallet, error)
}

// wallets is the table of wallets. A new wallet is one package and one row here.
func wallets() []walletRow {
	return []walletRow{
		bind(config.Wallet{
			Name:       wechatpay.Name,
			Hosts:      []string{"api.mch.weixin.qq.com", "api2.mch.weixin.qq.com"},
			Schemes:    wechatpay.Schemes(),
			Currencies: []sale.Currency{"CNY"},
			Settings:   []string{"app_id", "merchant_id", "sub_merchant_id", "notify_url"},
			Offers:     true, OfferNeeds: []string{"notify_url"},
			Secret: config.Optional, SecretLen: 32, // the APIv3 key: renews the platform's certificates
		}, wechatpay.Clock, func(m map[string]string) wechatpay.Settings {
			return wechatpay.Settings{AppID: m["app_id"], MerchantID: m["merchant_id"], SubMerchantID: m["sub_merchant_id"], NotifyURL: m["notify_url"]}
		}, func(cfg wallet.Config, s wechatpay.Settings) (agent.Wallet, error) { return wechatpay.New(cfg, s) }),

		bind(config.Wallet{
			Name:       wechatpayv2.Name,
			Hosts:      []string{"api.mch.weixin.qq.com", "api2.mch.weixin.qq.com"},
			Schemes:    wechatpayv2.Schemes(),
			Currencies: []sale.Currency{"CNY"},
			Settings:   []string{"app_id", "merchant_id", "sub_merchant_id", "sub_app_id", "sign_type", "notify_url"},
			Offers:     true, OfferNeeds: []string{"notify_url"},
			Secret: config.Needed, SecretLen: 32, Cert: config.Needed, Shared: true,
		}, wechatpayv2.Clock, func(m map[string]string) wechatpayv2.Settings {
			return wechatpayv2.Settings{AppID: m["app_id"], MerchantID: m["merchant_id"], SubMerchantID: m["sub_merchant_id"],
				SubAppID: m["sub_app_id"], SignType: m["sign_type"], NotifyURL: m["notify_url"]}
		}, func(cfg wallet.Config, s wechatpayv2.Settings) (agent.Wallet, error) { return wechatpayv2.New(cfg, s) }),

		bind(config.Wallet{
			Name:       alipay.Name,
			Hosts:      []string{"openapi.alipay.com"},
			Schemes:    alipay.Schemes(),
			Currencies: []sale.Currency{"CNY"},
			Settings:   []string{"app_id", "seller_id", "sys_service_provider_id"},
			Offers:     true,
			Secret:     config.Optional, // a service provider's app_auth_token
		}, alipay.Clock, func(m map[string]string) alipay.Settings {
			return alipay.Settings{AppID: m["app_id"], SellerID: m["seller_id"], ServiceProviderID: m["sys_service_provider_id"]}
		}, func(cfg wallet.Config, s alipay.Settings) (agent.Wallet, error) { return alipay.New(cfg, s) }),

		bind(config.Wallet{
			Name:       alipayplus.Name,
			Hosts:      alipayplus.Hosts(),
			Schemes:    alipayplus.Schemes(),
			Settings:   alipayplus.Keys(),
			Aggregator: true, // it passes a code on to the wallet that issued it
		}, alipayplus.Clock, alipayplus.Read,
			func(cfg wallet.Config, s alipayplus.Settings) (agent.Wallet, error) { return alipayplus.New(cfg, s) }),

		bind(config.Wallet{
			Name:       unionpay.Name,
			Hosts:      []string{"qra.95516.com"},
			Schemes:    unionpay.Schemes(),
			Currencies: []sale.Currency{"CNY"},
			Settings:   []string{"acquirer_code", "merchant_id", "merchant_category", "merchant_name", "terminal_id"},
		}, unionpay.Clock, func(m map[string]string) unionpay.Settings {
			return unionpay.Settings{AcquirerCode: m["acquirer_code"], MerchantID: m["merchant_id"],
				MerchantCategory: m["merchant_category"], MerchantName: m["merchant_name"], TerminalID: m["terminal_id"]}
		}, func(cfg wallet.Config, s unionpay.Settings) (agent.Wallet, error) { return unionpay.New(cfg, s) }),

		bind(config.Wallet{
			Name:       lakala.Name,
			Hosts:      []string{"s2.lakala.com"},
			Schemes:    lakala.Schemes(),
			Currencies: []sale.Currency{"CNY"},
			Settings:   []string{"app_id", "merchant_no", "term_no", "not_found_codes"},
			Aggregator: true,
			Offers:     true,
		}, lakala.Clock, func(m map[string]string) lakala.Settings {
			return lakala.Settings{AppID: m["app_id"], MerchantNo: m["merchant_no"], TermNo: m["term_no"], NotFoundCodes: m["not_found_codes"]}
		}, func(cfg wallet.Config, s lakala.Settings) (agent.Wallet, error) { return lakala.New(cfg, s) }),
	}
}

// settings is what every wallet's Settings can say of itself.
type settings interface {
	Check() []wallet.Fault
	Merchant() (merchant, sub string)
}

// bind binds a wallet's own Settings type to the strings of the configuration.
func bind[S settings](w config.Wallet, clock func() sale.Clock, read func(map[string]string) S,
	make func(wallet.Config, S) (agent.Wallet, error)) walletRow {
	w.Check = func(m map[string]string) []wallet.Fault { return read(m).Check() }
	return walletRow{
		Wallet:   w,
		clock:    clock,
		merchant: func(m map[string]string) (string, string) { return read(m).Merchant() },
		make:     func(cfg wallet.Config, m map[string]string) (agent.Wallet, error) { return make(cfg, read(m)) },
	}
}

func walletOf(name string) (walletRow, bool) {
	for _, w := range wallets() {
		if w.Name == name {
			return w, true
		}
	}
	return walletRow{}, false
}

// known is what a configuration may name.
func known() config.Known {
	k := config.Known{Drivers: driverNames(), Protocols: protocolNames(), Profiles: []string{"default", "jp", "all"}}
	for _, w := range wallets() {
		k.Wallets = append(k.Wallets, w.Wallet)
	}
	return k
}

// refOf is what an attempt pins of a contract.
func refOf(c config.Contract) sale.ContractRef {
	r := sale.ContractRef{Slot: c.Slot, Name: c.Name, Wallet: c.Wallet, Endpoint: c.Endpoint, KeyID: c.KeyID}
	if w, ok := walletOf(c.Wallet); ok {
		r.Merchant, r.SubMerchant = w.merchant(c.Settings)
	}
	return r
}
