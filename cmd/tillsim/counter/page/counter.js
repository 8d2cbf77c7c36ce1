// The counter: every press is a request to the simulator, every display its answer.
"use strict";
(() => {
  const root = document.documentElement;
  const at = (id) => document.getElementById(id);
  const make = (tag, cls, ...parts) => { const e = document.createElement(tag); if (cls) e.className = cls; e.append(...parts); return e; };
  const clock = (t) => new Date(t).toLocaleTimeString(root.lang, { hour12: false });
  const mostEvents = 300;

  async function get(path) {
    const r = await fetch(path + "?lang=" + root.lang);
    if (!r.ok) throw new Error(await r.text());
    return r.json();
  }

  // post asks the simulator for something and says so when it does not happen.
  async function post(path, body) {
    try {
      const r = await fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body || {}) });
      const answer = await r.json();
      if (!r.ok) throw new Error(answer.error);
      return answer;
    } catch (e) {
      event({ at: new Date(), source: "page", kind: path.slice(1), text: e.message });
      return null;
    } finally {
      soon();
    }
  }

  // ---- cash register
  let typed = "", sale = {}, paid = false;
  const digits = () => ({ JPY: 0 })[at("currency").value] ?? 2;

  function press(key) {
    if (key === "Backspace") typed = typed.slice(0, -1);
    else if (key === ".") { if (digits() && !typed.includes(".")) typed = (typed || "0") + "."; }
    else if (typed.length < 12 && (typed.split(".")[1] || "").length < digits()) typed = (typed === "0" ? "" : typed) + key;
    else if (typed.length < 12 && !typed.includes(".")) typed = (typed === "0" ? "" : typed) + key;
    price();
  }
  function price() {
    at("amount").value = typed || (sale.running && sale.amount) || (digits() ? "0.00" : "0");
    at("amount").toggleAttribute("data-long", at("amount").value.length > 8);
    for (const id of ["sell", "desk"]) at(id).disabled = !!sale.running || !(Number(typed) > 0);
    at("part").disabled = at("sell").disabled || !paid;
  }
  async function sell(back) {
    if (at("sell").disabled) return;
    const [whole, part = ""] = typed.split(".");
    const amount = digits() ? whole + "." + part.padEnd(digits(), "0") : whole;
    typed = "";
    await post("/sell", { amount, currency: at("currency").value, back: back || "" });
  }
  for (const b of at("pad").children) {
    b.addEventListener("click", () => press(b.dataset.key));
    b.addEventListener("pointerdown", (e) => e.preventDefault()); // Enter goes on to mean "charge"
  }
  at("currency").addEventListener("change", () => { typed = ""; price(); });
  at("sell").addEventListener("click", () => sell());
  for (const back of ["part", "desk"]) at(back).addEventListener("click", () => sell(back));
  at("abort").addEventListener("click", () => post("/abort"));
  at("again").addEventListener("click", () => post("/sell", { again: true }));

  let seconds;
  function sold(now) {
    sale = now;
    clearInterval(seconds);
    const a = at("answer"), sum = now.amount ? " " + now.amount + " " + now.currency : "";
    if (now.running) {
      const tick = () => { a.textContent = a.dataset.running + sum + " · " + Math.max(0, Math.round((Date.now() - Date.parse(now.begun)) / 1000)) + " s"; };
      a.className = "running";
      tick();
      seconds = setInterval(tick, 1000);
    } else if (now.answer) {
      a.className = now.answer.result === "Success" ? "yes" : "no";
      a.textContent = [now.answer.result + sum, now.answer.condition].filter(Boolean).join(" · ");
    } else if (now.error) {
      a.className = "none";
      a.textContent = a.dataset.none + ": " + now.error.slice(0, 60);
    } else {
      a.className = "";
      a.textContent = a.dataset.ready;
    }
    a.title = (now.answer && now.answer.text) || now.error || "";
    paid = paid || (!now.back && now.answer && now.answer.result === "Success");
    at("abort").disabled = !now.running;
    at("ours").disabled = !now.running || !!now.back;
    at("again").disabled = now.running || !now.transaction;
    price();
    soon();
  }

  // ---- customer
  const letters = "abcdefghijkl";
  function codes(list) {
    if (at("codes").children.length === list.length) return; // they do not change while a till runs
    at("codes").replaceChildren(...list.map((c, i) => {
      const b = make("button", c.kind, make("kbd", "", letters[i].toUpperCase()), ...(c.scheme ? [make("b", "", c.scheme)] : []), c.label);
      b.dataset.choice = c.name;
      b.addEventListener("click", () => show(c.name));
      return b;
    }));
  }
  async function show(choice) {
    const shown = await post("/show", { choice });
    if (shown) at("code").value = shown.code;
  }
  at("typed").addEventListener("submit", (e) => {
    e.preventDefault();
    if (at("code").value) post("/scan", { text: at("code").value });
  });
  let waiting = [];
  at("confirm").addEventListener("click", () => { if (waiting.length) post("/confirm", { order: waiting[0] }); });

  at("ours").addEventListener("click", () => post("/ours"));

  const frame = document.querySelector("iframe");
  new ResizeObserver(([e]) => { frame.style.transform = "scale(" + e.contentRect.width / 800 + ")"; }).observe(at("frame"));

  // ---- faults and ledgers
  function faults(list) {
    const on = list.filter((f) => f.on).length;
    at("switched").hidden = !on;
    at("switched").textContent = on;
    if (at("faults").children.length !== list.length) {
      at("faults").replaceChildren(...list.map((f) => {
        const b = make("button", "", make("span", "", f.label), make("i"));
        b.setAttribute("role", "switch");
        b.dataset.fault = f.name;
        b.addEventListener("click", () => post("/fault", { name: f.name, on: b.getAttribute("aria-checked") !== "true" }));
        return b;
      }));
    }
    list.forEach((f, i) => at("faults").children[i].setAttribute("aria-checked", f.on));
  }

  // ---- palms
  function palms(list, lit) {
    at("tab-palm").hidden = !list.length;
    at("lit").textContent = lit ? at("lit").dataset.lit : at("lit").dataset.dark;
    at("lit").className = lit ? "on" : "";
    const buttons = () => at("palms").querySelectorAll("button");
    if (buttons().length !== list.length) {
      let group;
      at("palms").replaceChildren(...list.flatMap((p) => {
        const b = make("button", p.kind, p.label);
        b.dataset.palm = p.name;
        b.addEventListener("click", () => post("/palm", { name: p.name }));
        const head = p.group === group ? [] : [make("h2", "", p.group)];
        group = p.group;
        return [...head, b];
      }));
    }
    buttons().forEach((b, i) => {
      if (["nobody", "hand", "stranger", "fake"].includes(list[i].kind)) b.setAttribute("aria-pressed", list[i].on);
    });
  }

  const decimal = (minor, exponent) => {
    const s = String(Math.abs(minor)).padStart(exponent + 1, "0"), n = s.length - exponent;
    return (minor < 0 ? "-" : "") + s.slice(0, n) + (exponent ? "." + s.slice(n) : "");
  };
  const sum = (a, minor = a.minor) => make("b", "sum", decimal(minor, a.exponent) + " " + a.currency);
  function ledgers(l) {
    const d = at("ledgers").dataset, n = l.sums.differ;
    at("differences").hidden = !n;
    at("differences").textContent = n;
    at("pairs").replaceChildren(...l.pairs.map((p) => {
      const till = p.till ? make("div", "", sum(p.till.amount), (p.till.state || "UNKNOWN").replaceAll("_", " ") + (p.till.told ? " · " + p.till.told : "")) : make("div", "none", d.nothing);
      const wallet = p.wallet ? make("div", "", sum(p.wallet.amount, p.wallet.held), p.wallet.wallet + " · " + p.wallet.state) : make("div", "none", d.nothing);
      return make("li", "pair " + p.verdict, make("div", "order", make("span", "", "…" + p.order.slice(-13)), make("b", "", d[p.verdict])), till, wallet);
    }));
    if (!l.pairs.length) at("pairs").append(make("li", "none", d.none));
  }

  let reading = false, again = false, timer;
  async function refresh() {
    if (reading) { again = true; return; }
    reading = true;
    try {
      const [state, books] = await Promise.all([get("/state"), get("/ledgers")]);
      codes(state.codes);
      faults(state.faults);
      palms(state.palms, state.lit);
      ledgers(books);
      waiting = state.waiting;
      at("confirm").disabled = !waiting.length;
      at("ours").textContent = state.offered ? at("ours").dataset.scan : at("ours").dataset.ask;
    } catch { /* the stream says it when the simulator is gone */ }
    reading = false;
    if (again) { again = false; soon(); }
  }
  function soon() { clearTimeout(timer); timer = setTimeout(refresh, 120); }

  // ---- events
  function event(e) {
    const list = at("events");
    if (list.firstElementChild && list.firstElementChild.className === "none") list.replaceChildren();
    const what = [e.state, e.amount, e.text].filter(Boolean).join(" · ");
    list.prepend(make("li", e.source, make("time", "", clock(e.at)),
      make("div", "", make("b", "", e.source + " " + e.kind), what ? " " + what : "", ...(e.order ? [make("span", "", " …" + e.order.slice(-8))] : []))));
    while (list.children.length > mostEvents) list.lastElementChild.remove();
  }

  // ---- tabs
  const tabs = [...at("tabs").children];
  function open(tab, focus) {
    for (const t of tabs) {
      t.setAttribute("aria-selected", t === tab);
      t.tabIndex = t === tab ? 0 : -1;
      at(t.getAttribute("aria-controls")).hidden = t !== tab;
    }
    if (focus) tab.focus();
  }
  tabs.forEach((t) => {
    t.addEventListener("click", () => open(t));
    t.addEventListener("keydown", (e) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[e.key];
      const seen = tabs.filter((t) => !t.hidden), n = seen.indexOf(t);
      if (step) open(seen[(n + step + seen.length) % seen.length], true);
    });
  });

  // ---- keyboard: digits go to the register wherever the focus is, letters show a code
  addEventListener("keydown", (e) => {
    if (e.ctrlKey || e.altKey || e.metaKey || e.target.closest("input,select")) return;
    if (/^[0-9.]$/.test(e.key) || e.key === "Backspace") press(e.key);
    else if (e.key === "Enter" && !e.target.closest("button,a")) sell();
    else if (e.key === "Escape") { if (sale.running) post("/abort"); }
    else if (letters.includes(e.key) && at("codes").children[letters.indexOf(e.key)]) at("codes").children[letters.indexOf(e.key)].click();
    else return;
    e.preventDefault();
  });

  // ---- the connection
  const patience = Number(root.dataset.patience);
  let source, alarm;
  const heard = (within) => { clearTimeout(alarm); alarm = setTimeout(gone, within); };
  function gone() {
    source.close();
    at("gone").hidden = false;
    document.querySelector("main").inert = true;
    setTimeout(follow, 1000);
  }
  function follow() {
    source = new EventSource("/events?lang=" + root.lang);
    heard(patience);
    const on = (name, f) => source.addEventListener(name, (e) => {
      heard(patience);
      at("gone").hidden = true;
      document.querySelector("main").inert = false;
      f(JSON.parse(e.data));
    });
    on("sale", sold);
    on("event", (e) => { event(e); soon(); });
    on("beat", () => {});
    source.addEventListener("error", () => { source.close(); heard(Math.min(1000, patience)); });
  }

  at("events").append(make("li", "none", at("events").dataset.none));
  price();
  refresh();
  setInterval(refresh, 3000);
  follow();
})();
