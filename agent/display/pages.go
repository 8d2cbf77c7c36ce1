package display

import (
	"bytes"
	"embed"
	"html/template"
	"net/http"
	"path"
)

//go:embed page
var files embed.FS

var pages = template.Must(template.New("").ParseFS(files, "page/*.html"))

// page is what a template is filled with. The words that change come by events; these are
// the ones that stay.
type page struct {
	Lang      string
	Languages []string
	Test      bool
	Patience  int64 // milliseconds without an event after which the connection counts as lost
}

// T is the text of a key in the page's language.
func (p page) T(key string) string { return say(p.Lang, key) }

// Name is what a language calls itself.
func (p page) Name(lang string) string {
	return map[string]string{"zh": "中文", "en": "English", "ja": "日本語"}[lang]
}

// policies say what the pages may load: what this server serves, nothing else. Only in the
// test environment may pages of this machine frame the customer's screen; the console,
// which has buttons that move money, is never framed.
const (
	policy       = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors "
	framesNobody = "'none'"
	framesLocal  = "http://127.0.0.1:* http://localhost:*"
)

func (s *Server) customer(w http.ResponseWriter, r *http.Request) {
	frames := framesNobody
	if s.o.Test {
		frames = framesLocal
	}
	s.page(w, r, "customer.html", frames)
}

func (s *Server) console(w http.ResponseWriter, r *http.Request) {
	s.page(w, r, "console.html", framesNobody)
}

func (s *Server) page(w http.ResponseWriter, r *http.Request, name, frames string) {
	p := page{
		Lang: s.language(r), Languages: languages, Test: s.o.Test,
		Patience: (s.o.Beat * 5 / 2).Milliseconds(),
	}
	var b bytes.Buffer
	if err := pages.ExecuteTemplate(&b, name, p); err != nil {
		http.Error(w, "write the page: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Security-Policy", policy+frames)
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
