package counter

import (
	"bytes"
	"embed"
	"html/template"
	"net/http"
	"net/url"
	"path"

	"github.com/tilld/tilld/internal/localweb"
)

//go:embed page
var files embed.FS

var pages = template.Must(template.New("").ParseFS(files, "page/*.html"))

var languages = []string{"zh", "en", "ja"}

// currencies are the choices beside the amount.
var currencies = []string{"CNY", "HKD", "JPY", "USD"}

// pageData is what the template is filled with.
type pageData struct {
	Lang, Display, Currency string
	Languages, Currencies   []string
	Patience                int64 // milliseconds without an event after which the connection counts as lost
}

// T is the text of a key in the page's language.
func (p pageData) T(key string) string { return say(p.Lang, key) }

// Name is what a language calls itself.
func (p pageData) Name(lang string) string {
	return map[string]string{"zh": "中文", "en": "English", "ja": "日本語"}[lang]
}

func (s *Server) language(r *http.Request) string {
	return localweb.Language(r, languages, s.o.Language)
}

// origin is the part of an address that a policy names.
func origin(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return "'none'"
	}
	return u.Scheme + "://" + u.Host
}

func (s *Server) page(w http.ResponseWriter, r *http.Request) {
	display := origin(s.o.Rig.DisplayURL())
	p := pageData{
		Lang: s.language(r), Display: display + "/", Currency: s.o.Currency,
		Languages: languages, Currencies: currencies,
		Patience: (s.o.Beat * 5 / 2).Milliseconds(),
	}
	var b bytes.Buffer
	if err := pages.ExecuteTemplate(&b, "counter.html", p); err != nil {
		http.Error(w, "write the page: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "+
		"frame-src "+display+"; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Write(b.Bytes()) // a reader that went away is no error of ours
}

// assetTypes are fixed: a machine's own table of types may say something else.
var assetTypes = map[string]string{".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}

func (s *Server) asset(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	data, err := files.ReadFile("page/" + name)
	if err != nil || assetTypes[path.Ext(name)] == "" {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", assetTypes[path.Ext(name)])
	w.Write(data)
}
