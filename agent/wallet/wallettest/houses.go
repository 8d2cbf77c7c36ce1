package wallettest

// part is one wallet that a world can play.
type part struct {
	name string
	// keys names the files of its keys. Some share those of another: they are simulated, and
	// a key costs time to make.
	keys string
	// prefix and digits are the payment codes that its customers show.
	prefix  string
	digits  int
	further bool // a world has it only when it is asked for
	speak   func(*World, pairOf) (dialect, error)
}

// parts is the table of wallets, in a fixed order. A new one is a dialect and one row here.
//
// The prefixes are such that nothing else has them: 10 is no Chinese province, so no
// citizen's number begins with it; 28 and 62 are what most phones show.
func parts() []part {
	return []part{
		{name: WeChatPay, keys: WeChatPay, prefix: "10", digits: 18,
			speak: func(w *World, k pairOf) (dialect, error) { return newWechat(w, k) }},
		{name: Alipay, keys: Alipay, prefix: "28", digits: 18,
			speak: func(w *World, k pairOf) (dialect, error) { return newAlipay(w, k) }},
		{name: UnionPay, keys: UnionPay, prefix: "62", digits: 19,
			speak: func(_ *World, k pairOf) (dialect, error) { return newUnionpay(k) }},

		{name: WeChatPayV2, keys: WeChatPay, prefix: "10", digits: 18, further: true,
			speak: func(w *World, k pairOf) (dialect, error) { return newWechat2(w, k) }},
		{name: AlipayPlus, keys: Alipay, prefix: "281010", digits: 24, further: true,
			speak: func(_ *World, k pairOf) (dialect, error) { return newAliplus(k) }},
		{name: Aggregator, keys: UnionPay, prefix: "01", digits: 19, further: true,
			speak: func(_ *World, k pairOf) (dialect, error) { return newLakala(k) }},
	}
}

// Names of the wallets, as in a configuration.
const (
	WeChatPay   = "wechatpay"
	Alipay      = "alipay"
	UnionPay    = "unionpay"
	WeChatPayV2 = "wechatpay-v2"
	AlipayPlus  = "alipayplus"
	Aggregator  = "lakala"
)

// Wallets lists those that every world has, in a fixed order.
func Wallets() []string { return partNames(false) }

// Further lists those that a world has when Options.Also names them.
func Further() []string { return partNames(true) }

func partNames(further bool) (names []string) {
	for _, p := range parts() {
		if p.further == further {
			names = append(names, p.name)
		}
	}
	return names
}

func partOf(name string) (part, bool) {
	for _, p := range parts() {
		if p.name == name {
			return p, true
		}
	}
	return part{}, false
}
