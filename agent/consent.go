package agent

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
)

// ConsentVersion is the version of the text that people agree to before an enrolment. Who
// changes a word of it changes the version.
const ConsentVersion = "1"

// minAge is the least age that a person must state, whatever a provider says (PIPL, article
// 31).
const minAge = 14

// ConsentText is all that a person reads before an enrolment, in one language. The boxes are
// separate, and none of them is ticked for anybody.
type ConsentText struct {
	Version   string   `json:"version"`
	Language  string   `json:"language"`
	Terms     []string `json:"terms"` // paragraphs
	Age       string   `json:"age"`   // beside the boxes
	Biometric string   `json:"biometric"`
	Transfer  string   `json:"transfer"`
}

// Sum is the SHA-256 of the text as it is shown, hex.
func (c ConsentText) Sum() string {
	parts := append([]string{c.Version, c.Language}, c.Terms...)
	sum := sha256.Sum256([]byte(strings.Join(append(parts, c.Age, c.Biometric, c.Transfer), "\n")))
	return hex.EncodeToString(sum[:])
}

// Consent is the text in a language, naming the provider; false where there is none in it.
func Consent(language, provider string, age int) (ConsentText, bool) {
	c, ok := consents[language]
	if !ok {
		return c, false
	}
	fill := strings.NewReplacer("{provider}", provider, "{age}", strconv.Itoa(age)).Replace
	out := ConsentText{Version: ConsentVersion, Language: language, Age: fill(c.Age), Biometric: fill(c.Biometric), Transfer: fill(c.Transfer)}
	for _, p := range c.Terms {
		out.Terms = append(out.Terms, fill(p))
	}
	return out, true
}

var consents = map[string]ConsentText{
	"zh": {
		Terms: []string{
			"您可以选择用手掌付款。不开通也可以照常用付款码付款，价格和服务完全一样。",
			"做什么：本终端用可见光和近红外光拍摄您的手掌三次，当场判断是否为真人，并制成受保护的模板。照片和特征只在内存中处理，随即清除，不会保存，也不会离开本终端。",
			"交给谁：模板加密后发送给 {provider}，由其保存，并在您每次刷掌付款时比对。商家得不到模板。",
			"保存什么：{provider} 保存三份受保护的模板、您在其应用中的会员号，以及这份同意的版本、语言和时间。本终端不保存。",
			"用途：只用于在付款时识别您本人。每次付款前都会显示金额和隐去部分字符的姓名，由您确认。",
			"风险：手掌是敏感个人信息，不能像密码一样更换。模板可以作废重制；但如果模板和 {provider} 的密钥同时被盗，仍有可能被还原出相似的特征。",
			"撤回：随时可以在任何一台开通刷掌的终端按“停用刷掌”，或在 {provider} 的应用里停用，模板随即删除。撤回不影响此前的付款。",
			"未满 {age} 周岁不能自行开通。",
		},
		Age:       "我已年满 {age} 周岁",
		Biometric: "我同意拍摄我的手掌并制成模板，用于付款时识别我本人",
		Transfer:  "我同意将模板发送给 {provider}，并由其保存",
	},
	"en": {
		Terms: []string{
			"You may pay with your palm if you like. You can go on paying with a code instead, at the same price and with the same service.",
			"What happens: this terminal takes pictures of your palm three times, in visible and near-infrared light, judges on the spot whether it is a live hand, and makes a protected template. Pictures and features stay in memory, are wiped at once, are not kept and never leave this terminal.",
			"Who gets it: the template is sent, encrypted, to {provider}, who keeps it and compares it whenever you pay by palm. The shop does not get it.",
			"What is kept: {provider} keeps three protected templates, your member number in its app, and the version, language and time of this consent. This terminal keeps nothing.",
			"What for: to recognise you when you pay, and for nothing else. Before every payment you see the amount and your masked name, and say yes.",
			"What can go wrong: a palm is sensitive personal information and cannot be changed like a password. A template can be revoked and made anew; but who steals both the templates and the keys of {provider} may make something that resembles your palm's features.",
			"Withdrawing: at any time, at any terminal that takes palms, with the button \"Withdraw a palm\", or in the app of {provider}. The template is deleted then. Payments made before stay as they are.",
			"Who is younger than {age} cannot enrol here.",
		},
		Age:       "I am at least {age} years old",
		Biometric: "I agree that my palm is captured and made into a template that recognises me when I pay",
		Transfer:  "I agree that the template is sent to {provider} and kept there",
	},
	"ja": {
		Terms: []string{
			"手のひらでの支払いは任意です。登録しなくても、同じ価格と同じサービスで、これまでどおりコードで支払えます。",
			"内容：この端末は可視光と近赤外光で手のひらを3回撮影し、生体かどうかをその場で判定して、保護されたテンプレートを作成します。画像と特徴はメモリ内だけで扱い、直ちに消去します。保存せず、端末の外に出しません。",
			"提供先：テンプレートは暗号化して {provider} に送信します。{provider} が保管し、手のひらで支払うたびに照合します。店舗には渡しません。",
			"保管する情報：{provider} は、保護されたテンプレート3件、アプリの会員番号、この同意の版・言語・日時を保管します。この端末には保管しません。",
			"目的：支払い時の本人確認だけに使います。支払いの前に毎回、金額と一部を伏せた氏名を表示し、確認していただきます。",
			"リスク：手のひらは機微な個人情報で、パスワードのように変更できません。テンプレートは無効にして作り直せますが、テンプレートと {provider} の鍵が同時に盗まれると、似た特徴を再現される可能性があります。",
			"撤回：手のひら払いに対応したどの端末でも「手のひらを停止」を押すか、{provider} のアプリで、いつでも撤回できます。テンプレートは削除されます。それまでの支払いに影響はありません。",
			"{age}歳未満の方は、ここでは登録できません。",
		},
		Age:       "私は{age}歳以上です",
		Biometric: "支払い時の本人確認のため、手のひらを撮影しテンプレートを作成することに同意します",
		Transfer:  "テンプレートを {provider} に送信し、保管されることに同意します",
	},
}
