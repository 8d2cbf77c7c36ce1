// The operator's console. Lists are read anew whenever the till says that something
// happened; what it shows is the till's word, never this page's memory.
"use strict";
(() => {
  const root = document.documentElement;
  const at = (id) => document.getElementById(id);
  const make = (tag, cls, text) => { const e = document.createElement(tag); if (cls) e.className = cls; e.textContent = text || ""; return e; };
  const clock = (t) => new Date(t).toLocaleTimeString(root.lang, { hour12: false });
  const mostEvents = 200;

  function fill(list, rows, none, good) {
    list.replaceChildren(...rows);
    if (!rows.length) list.append(make("li", good ? "ok" : "none", none));
  }

  // ---- what the customer sees, and the question to the operator
  let asked = "";
  function screen(s) {
    at("now").dataset.kind = s.kind;
    at("now-headline").textContent = s.words.headline;
    at("now-amount").textContent = s.words.amount || "";
    at("now-detail").textContent = s.words.detail || "";
    at("test").hidden = at("test").hidden && !s.test;
    const ask = s.kind === "operator";
    if (ask && asked !== s.payment) {
      at("ask-failed").textContent = "";
      for (const id of ["yes", "no"]) at(id).disabled = false;
    }
    asked = ask ? s.payment : "";
    at("ask-amount").textContent = s.words.amount || "";
    if (at("ask").hidden === ask) {
      at("ask").hidden = !ask;
      if (ask) at("no").focus(); // the careful choice is the one a stray Enter takes
    }
  }

  async function decide(ok) {
    const payment = asked;
    for (const id of ["yes", "no"]) at(id).disabled = true;
    try {
      const r = await fetch("/confirm", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ payment, ok }) });
      if (r.ok) return;
      throw new Error((await r.json()).error);
    } catch (e) {
      at("ask-failed").textContent = at("ask-failed").dataset.text + ": " + e.message;
      for (const id of ["yes", "no"]) at(id).disabled = false;
    }
  }
  at("yes").addEventListener("click", () => decide(true));
  at("no").addEventListener("click", () => decide(false));

  // ---- health
  function health(causes) {
    const d = at("health").dataset;
    fill(at("health"), (causes || []).map((c) => {
      const li = make("li");
      li.append(make("span", "tag " + c.severity, d[c.severity]), " ", make("span", "", (c.subject ? c.subject + ": " : "") + c.text));
      if (c.hint) li.append(make("div", "hint", d.hint + ": " + c.hint));
      li.append(make("div", "small", d.since + " " + clock(c.since)));
      return li;
    }), d.none, true);
  }

  // ---- payments
  function payment(p, d) {
    const li = make("li");
    li.append(make("span", "sum", p.written));
    if (p.in_doubt) li.append(make("span", "tag alarm", d.doubt), " ");
    if (p.manual) li.append(make("span", "tag alarm", p.state_text), " ");
    if (p.undelivered) li.append(make("span", "tag warning", d.undelivered), " ");
    if (p.ending === "paid") li.append(make("span", "tag good", p.ending_text), " ");
    else if (p.ending) li.append(make("span", "tag", p.ending_text), " ");
    else if (p.state_text && !p.manual) li.append(make("span", "tag notice", p.state_text), " ");
    li.append(make("div", "small", [clock(p.begun), p.contract, p.transaction, p.order && d.order + " " + p.order, p.wallet_code].filter(Boolean).join(" · ")));
    return li;
  }

  let reading = false, again = false, timer;
  async function payments() {
    if (reading) { again = true; return; }
    reading = true;
    try {
      const r = await fetch("/payments?lang=" + root.lang);
      const all = await r.json();
      const d = at("open").dataset;
      const open = all.filter((p) => p.open || p.undelivered);
      fill(at("open"), open.map((p) => payment(p, d)), d.none, true);
      fill(at("recent"), all.filter((p) => !open.includes(p)).slice(0, 12).map((p) => payment(p, d)), at("recent").dataset.none);
    } catch { /* the stream says it when the till is gone */ }
    reading = false;
    if (again) { again = false; soon(); }
  }
  function soon() { clearTimeout(timer); timer = setTimeout(payments, 150); }

  // ---- events
  function event(e) {
    const list = at("events");
    if (list.firstElementChild && list.firstElementChild.className === "none") list.replaceChildren();
    const li = make("li");
    li.append(make("span", "small", clock(e.at)), make("span", "kind", e.kind),
      make("span", "what", [e.state, e.amount, e.order, e.text].filter(Boolean).join(" · ")));
    list.prepend(li);
    while (list.children.length > mostEvents) list.lastElementChild.remove();
  }

  // ---- the connection
  const patience = Number(root.dataset.patience);
  let source, alarm;
  const heard = (within) => { clearTimeout(alarm); alarm = setTimeout(gone, within); };
  function gone() {
    source.close();
    at("gone").hidden = false;
    document.querySelector("main").hidden = true;
    at("ask").hidden = true;
    setTimeout(follow, 1000);
  }
  function follow() {
    source = new EventSource("/events?lang=" + root.lang);
    heard(patience);
    const on = (name, f) => source.addEventListener(name, (e) => {
      heard(patience);
      at("gone").hidden = true;
      document.querySelector("main").hidden = false;
      f(JSON.parse(e.data));
    });
    on("screen", (s) => { screen(s); soon(); });
    on("event", (e) => { event(e); soon(); });
    on("health", health);
    on("beat", () => {});
    source.addEventListener("error", () => { source.close(); heard(Math.min(1000, patience)); });
  }

  fill(at("events"), [], at("events").dataset.none);
  payments();
  setInterval(payments, 10000);
  follow();
})();
