// What a term compares a fact with: a value, another fact, or something worked out from facts.
// Every part is a function (value, set) → element; it calls set with a new value on every change.
"use strict";
const RuleValues = (words) => {
  const says = words.says;
  const facts = new Map(words.facts.map((fact) => [fact.key, fact]));

  function el(tag, props = {}, ...children) {
    const made = Object.assign(document.createElement(tag), props);
    made.append(...children.filter((child) => child !== null && child !== undefined));
    return made;
  }

  const named = (element, label) => { element.setAttribute("aria-label", label); return element; };

  // ---- simple inputs
  function select(pairs, value, set, label, blank = says.choose) {
    const made = named(el("select", { className: "form-select" }), label);
    if (blank !== null) made.append(new Option(blank, ""));
    const groups = new Map();
    for (const [key, word, group] of pairs) {
      if (group && !groups.has(group)) made.append(groups.set(group, el("optgroup", { label: group })).get(group));
      (groups.get(group) ?? made).append(new Option(word, key));
    }
    if (value !== undefined && value !== null && value !== "" && !pairs.some(([key]) => key === value)) made.append(new Option(String(value), value));
    made.value = value ?? "";
    made.addEventListener("change", () => set(made.value));
    return made;
  }

  function input(type, value, set, label, props = {}) {
    const made = named(el("input", { type, className: "form-control", value: value ?? "", ...props }), label);
    made.addEventListener("input", () => set(made.value));
    return made;
  }

  const numeral = (text) => (text === "" || Number.isNaN(Number(text)) ? "" : Number(text));
  const number = (value, set, label, props = {}) => input("number", value, (text) => set(numeral(text)), label, { step: "any", ...props });

  function tick(value, set, label) {
    const box = el("input", { type: "checkbox", className: "form-check-input", checked: Boolean(value) });
    box.addEventListener("change", () => set(box.checked));
    return el("label", { className: "jx-rule-tick" }, box, label);
  }

  function button(icon, label, act, { text = true, tone = "" } = {}) {
    const made = el("button", { type: "button", className: text ? "btn jx-rule-add" : `jx-ghost ${tone}` });
    const sprite = document.querySelector("svg.jx-i use").getAttribute("href").split("#")[0];
    made.innerHTML = `<svg class="jx-i" aria-hidden="true" focusable="false"><use href="${sprite}#${icon}"/></svg>`;
    if (text) made.append(label);
    else { named(made, label); made.title = label; }
    made.addEventListener("click", act);
    return made;
  }

  // ---- facts
  const inScope = (scope) => (fact) => scope !== "case" || !fact.row;
  const offered = (test) => words.facts.filter(test).map((fact) => [fact.key, fact.label, fact.group]);
  const factSelect = (value, set, test, label = says.fact) => select(offered(test), value, set, label);
  const ofKind = (kind) => (fact) => fact.kind === kind;
  const money = (fact) => fact.kind === "money" || fact.kind === "number";

  // ---- the forms that a value may have
  const isMap = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
  const has = (value, ...keys) => isMap(value) && keys.every((key) => key in value) && Object.keys(value).length === keys.length;
  const stepOf = (value) => words.steps.map(([key]) => key).find((key) => has(value, "from", key));
  const FORMS = {
    from: { fits: (v) => stepOf(v) !== undefined, kinds: ["date"], fresh: () => ({ from: "", days: "" }) },
    earliest: { fits: (v) => has(v, "earliest") && Array.isArray(v.earliest), kinds: ["date"], fresh: () => ({ earliest: ["", ""] }) },
    latest: { fits: (v) => has(v, "latest") && Array.isArray(v.latest), kinds: ["date"], fresh: () => ({ latest: ["", ""] }) },
    of: { fits: (v) => has(v, "of", "times") && Array.isArray(v.times) && v.times.length === 2, kinds: ["number", "money"], fresh: () => ({ of: "", times: [1, 2] }) },
    table: { fits: (v) => has(v, "table", "by", "cell"), kinds: ["date", "number", "money", "code", "text"], fresh: () => ({ table: "", by: "", cell: "" }) },
  };

  function formOf(value, fact) {
    for (const [name, form] of Object.entries(FORMS)) if (form.fits(value)) return name;
    if (isMap(value) || Array.isArray(value)) return "raw";
    return typeof value === "string" && facts.get(value)?.kind === fact.kind ? "other_fact" : "constant";
  }

  function formsFor(fact, now, nested) {
    const found = ["constant"];
    if (words.facts.some((other) => other.kind === fact.kind && other.key !== fact.key)) found.push("other_fact");
    for (const [name, form] of Object.entries(FORMS)) if (form.kinds.includes(fact.kind) && !(nested && (name === "earliest" || name === "latest"))) found.push(name);
    return now === "raw" ? [...found, "raw"] : found;
  }

  // one value: its form, and what that form asks
  function single(fact, value, set, nested = false) {
    const place = el("span", { className: "jx-rule-value" });
    let form = formOf(value, fact);
    const fresh = (name) => (name in FORMS ? FORMS[name].fresh() : "");
    function draw(now) {
      const forms = formsFor(fact, form, nested);
      const chooser = forms.length > 1 ? select(forms.map((name) => [name, says[name]]), form, (picked) => { form = picked; set(fresh(form)); draw(fresh(form)); }, says.kind, null) : null;
      chooser?.classList.add("jx-rule-form");
      place.replaceChildren(...[chooser, body(form, fact, now, set)].filter(Boolean));
    }
    draw(value);
    return place;
  }

  function body(form, fact, value, set) {
    const put = (key) => (part) => { value = { ...value, [key]: part }; set(value); };
    const parts = {
      constant: () => constant(fact, value, set),
      other_fact: () => factSelect(value, set, (other) => other.kind === fact.kind && other.key !== fact.key),
      from: () => {
        const unit = stepOf(value) ?? "days";
        let count = value[unit];
        let step = unit;
        let start = value.from;
        const send = () => set({ from: start, [step]: count });
        return el("span", { className: "jx-rule-inline" },
          factSelect(start, (v) => { start = v; send(); }, ofKind("date")), el("span", { textContent: says.after }),
          number(count, (v) => { count = v; send(); }, says.count, { min: 0, step: 1 }),
          select(words.steps, step, (v) => { step = v; send(); }, says.unit, null));
      },
      earliest: () => list(value.earliest, put("earliest"), (item, change) => single(fact, item, change, true), () => ""),
      latest: () => list(value.latest, put("latest"), (item, change) => single(fact, item, change, true), () => ""),
      of: () => {
        let times = value.times;
        const send = (at) => (v) => { times = times.map((old, i) => (i === at ? v : old)); put("times")(times); };
        return el("span", { className: "jx-rule-inline" }, factSelect(value.of, put("of"), ofKind(fact.kind)), "×",
          number(times[0], send(0), says.count, { step: 1 }), "/", number(times[1], send(1), says.count, { step: 1 }));
      },
      table: () => cell(value, set),
      raw: () => raw(value, set),
    };
    return parts[form]();
  }

  function constant(fact, value, set) {
    if (fact.choices.length) return select(fact.choices, value, set, says.value);
    if (fact.kind === "date") return input("date", value, set, says.value);
    if (fact.kind === "number") return number(value, set, says.value);
    if (fact.kind === "money") return el("span", { className: "jx-rule-inline" }, number(value, set, says.value, { min: 0 }), says.yuan);
    return input("text", value, set, says.value, { maxLength: 120 });
  }

  // a cell of a catalogue's row: the columns are those that its entries have
  function cell(value, set) {
    let now = value;
    const place = el("span", { className: "jx-rule-inline" });
    const put = (key, redraw = false) => (part) => { now = { ...now, [key]: part }; set(now); if (redraw) draw(); };
    function draw() {
      const columns = words.catalogues.find((item) => item.key === now.table)?.columns ?? [];
      const column = columns.length ? select(columns.map((name) => [name, name]), now.cell, put("cell"), says.cell) : input("text", now.cell, put("cell"), says.cell, { placeholder: says.cell });
      place.replaceChildren(catalogue(now.table, put("table", true)), el("span", { textContent: says.by }),
        factSelect(now.by, put("by"), (fact) => fact.kind === "code" && !fact.row), column);
    }
    draw();
    return place;
  }

  const catalogue = (value, set) => select(words.catalogues.map((item) => [item.key, item.title]), value, set, says.catalogue);

  // what no widget knows stays as it is, as JSON
  function raw(value, set) {
    const area = named(el("textarea", { className: "form-control", rows: 2, value: JSON.stringify(value) }), says.raw);
    area.addEventListener("input", () => {
      try { set(JSON.parse(area.value)); area.classList.remove("is-invalid"); } catch { area.classList.add("is-invalid"); }
    });
    return area;
  }

  // ---- several of the same
  function list(items, set, draw, fresh, { add = says.add, least = 1 } = {}) {
    let now = [...items];
    const place = el("span", { className: "jx-rule-list" });
    const change = () => set([...now]);
    function paint() {
      place.replaceChildren(...now.map((item, at) => el("span", { className: "jx-rule-item" },
        draw(item, (value) => { now[at] = value; change(); }),
        now.length > least ? button("x", says.remove, () => { now.splice(at, 1); change(); paint(); }, { text: false }) : null)),
      button("plus", add, () => { now.push(fresh()); change(); paint(); }));
    }
    paint();
    return place;
  }

  function ticks(fact, values, set) {
    let now = [...values];
    const known = fact.choices.map(([key]) => key);
    const all = [...fact.choices, ...values.filter((value) => !known.includes(value)).map((value) => [value, String(value)])];
    return el("span", { className: "jx-rule-ticks" }, ...all.map(([key, word]) => tick(now.includes(key), (on) => {
      now = now.includes(key) === on ? now : on ? [...now, key] : now.filter((value) => value !== key);
      set(now);
    }, word)));
  }

  const plainWords = (values) => values.every((value) => typeof value === "string" && !facts.has(value));

  // what an operator takes of a fact
  function values(fact, takes, value, set) {
    if (takes === "none") return null;
    if (takes === "table") return catalogue(value, set);
    if (takes === "one") return single(fact, value, set);
    const now = Array.isArray(value) ? value : [];
    if (takes === "two") {
      const pair = [now[0] ?? "", now[1] ?? ""];
      const put = (at) => (part) => { pair[at] = part; set([...pair]); };
      return el("span", { className: "jx-rule-inline" }, single(fact, pair[0], put(0)), el("span", { textContent: says.and }), single(fact, pair[1], put(1)));
    }
    if (fact.choices.length && plainWords(now)) return ticks(fact, now, set);
    return list(now.length ? now : [""], set, (item, change) => single(fact, item, change), () => "");
  }

  const freshValue = (takes) => ({ none: undefined, one: "", two: ["", ""], many: [], table: "" })[takes];

  return { el, named, select, input, number, tick, button, facts, inScope, factSelect, ofKind, money, offered, cell, raw, list, ticks, values, freshValue, catalogue, isMap, has };
};
