// Rules as rows of lists: draws every text area that holds one, and writes it back as JSON.
// Without this script the text areas themselves are filled in, as YAML.
"use strict";
(() => {
  const root = document.querySelector("[data-rules]");
  if (!root) return;
  const areas = [...root.querySelectorAll("textarea[data-rule]")];

  const chosen = root.querySelector('select[name="revision"]');
  chosen?.addEventListener("change", () => {
    const url = new URL(location.href);
    url.searchParams.set("revision", chosen.value);
    location.replace(url);
  });
  for (const [name, [decider, values]] of Object.entries(JSON.parse(root.dataset.shownFor))) ask(name, decider, values);
  if (areas.length) start();

  // a field that the answer to another makes pointless is out of the way, unless it holds something
  function ask(name, decider, values) {
    const [field, by] = [name, decider].map((each) => root.querySelector(`[name="${each}"]`));
    if (!field || !by) return;
    const holds = () => (field.type === "checkbox" ? field.checked : field.multiple ? field.selectedOptions.length > 0 : field.value !== "");
    const place = field.closest(".jx-field");
    const draw = () => { place.hidden = !values.includes(by.value) && !holds(); };
    by.addEventListener("change", draw);
    draw();
  }

  async function start() {
    const id = chosen?.value || root.dataset.revision;
    if (!id) return;
    try {
      const answer = await fetch(`${root.dataset.rules}?${new URLSearchParams({ id })}`, { credentials: "same-origin", headers: { Accept: "application/json" } });
      if (!answer.ok) return;
      const words = await answer.json();
      const editors = Editors(words, RuleValues(words));
      areas.forEach((area) => replace(area, editors));
      root.dataset.drawn = "1";
    } catch (error) {
      console.error(error); // the text areas stay
    }
  }

  function replace(area, editors) {
    const draw = editors[area.dataset.rule];
    if (!draw || area.dataset.value === undefined) return;
    const set = (value) => {
      area.value = value === null || value === undefined ? "" : JSON.stringify(value);
    };
    const label = area.labels?.[0];
    const box = Object.assign(document.createElement("div"), { className: "jx-rule", tabIndex: -1 });
    box.setAttribute("role", "group");
    if (label) {
      label.id = label.id || `${area.id}-label`;
      box.setAttribute("aria-labelledby", label.id);
    }
    const value = JSON.parse(area.dataset.value);
    const drawn = draw(value, set, area.dataset);
    if (!drawn) return;
    box.append(drawn);
    area.hidden = true;
    area.after(box);
    label?.addEventListener("click", () => box.querySelector("select, input, button")?.focus());
    if (value !== null) set(value);
  }

  function Editors(words, parts) {
    const { el, select, input, number, tick, button, facts, factSelect, list, isMap } = parts;
    const says = words.says;
    const operators = new Map(words.operators.map((operator) => [operator.key, operator]));
    const inline = (...children) => el("span", { className: "jx-rule-inline" }, ...children);

    // ---- a term: fact, operator, value
    function term(value, set, scope) {
      let [key, name, operand] = value;
      const row = el("div", { className: "jx-rule-term" });
      const send = () => set(operators.get(name)?.takes === "none" ? [key, name] : [key, name, operand ?? ""]);
      function draw() {
        const fact = facts.get(key) ?? { key, kind: "", choices: [] };
        const fitting = words.operators.filter((operator) => operator.kinds.includes(fact.kind));
        const operator = operators.get(name);
        row.replaceChildren(...[
          factSelect(key, chooseFact, parts.inScope(scope)),
          select(fitting.map((item) => [item.key, item.label]), name, chooseOperator, says.operator),
          operator && fact.kind ? parts.values(fact, operator.takes, operand, (part) => { operand = part; send(); }) : unknown(fact, operator),
        ].filter(Boolean));
      }
      // a term whose fact or operator nobody knows keeps its value
      const unknown = (fact, operator) => (operand === undefined || operand === "" || (!fact.key && !operator) ? null : parts.raw(operand, (part) => { operand = part; send(); }));
      function chooseFact(next) {
        const [before, after] = [facts.get(key), facts.get(next)];
        key = next;
        const takes = operators.get(name)?.takes;
        if (!after || !operators.get(name)?.kinds.includes(after.kind)) name = after ? words.operators.find((item) => item.kinds.includes(after.kind))?.key : "";
        if (before?.kind !== after?.kind || before?.choices.length || after?.choices.length || takes !== operators.get(name)?.takes) operand = parts.freshValue(operators.get(name)?.takes);
        send();
        draw();
        row.querySelector("select").focus();
      }
      function chooseOperator(next) {
        const before = operators.get(name)?.takes;
        name = next;
        const takes = operators.get(name)?.takes;
        if (takes !== before) operand = convert(operand, before, takes);
        send();
        draw();
        row.querySelectorAll("select")[1].focus();
      }
      draw();
      return row;
    }

    // keep what was typed where the new operator can use it
    function convert(operand, before, takes) {
      if (before === "one" && takes === "many" && operand !== "") return [operand];
      if (before === "one" && takes === "two") return [operand, ""];
      if ((before === "many" || before === "two") && takes === "one") return operand?.[0] ?? "";
      return parts.freshValue(takes);
    }

    const freshTerm = () => ["", ""];

    // ---- rows that come and go
    function rows(items, set, draw, adders) {
      const now = [...items];
      const place = el("div", { className: "jx-rule-rows" });
      const change = () => set([...now]);
      function paint(focus) {
        place.replaceChildren(...now.map((item, at) => el("div", { className: "jx-rule-row" },
          draw(item, (value) => { now[at] = value; change(); }),
          el("span", { className: "jx-rule-tools" },
            at > 0 ? button("arrow-up", says.up, () => { now.splice(at - 1, 0, ...now.splice(at, 1)); change(); paint(); }, { text: false }) : null,
            button("trash", says.remove, () => { now.splice(at, 1); change(); paint(); }, { text: false })))),
        el("div", { className: "jx-rule-adders" }, ...adders.map(([label, fresh]) => button("plus", label, () => { now.push(fresh()); change(); paint(true); }))));
        if (focus) place.querySelector(".jx-rule-row:nth-last-child(2)")?.querySelector("select, input")?.focus();
      }
      paint();
      return place;
    }

    function terms(value, set, { scope = "case" } = {}) {
      if (value !== null && !Array.isArray(value)) return null;
      return rows(value ?? [], set, (item, change) => (Array.isArray(item) ? term(item, change, scope) : parts.raw(item, change)), [[says.add_term, freshTerm]]);
    }

    function optionalTerms(value, set, data) {
      const place = el("div");
      let now = value;
      function draw() {
        place.replaceChildren(...[tick(now !== null, (on) => { if (on !== (now !== null)) { now = on ? [] : null; set(now); draw(); } }, says.self),
          now === null ? null : terms(now, (items) => { now = items; set(now); }, data)].filter(Boolean));
      }
      draw();
      return place;
    }

    // ---- a group: all, any, or at least so many
    const kindOf = (group) => ["all", "any"].find((kind) => parts.has(group, kind)) ?? (parts.has(group, "at_least", "of") ? "at_least" : null);

    function group(value, set, { scope = "case" } = {}, depth = 0) {
      if (value !== null && kindOf(value) === null) return null;
      let kind = value === null ? "all" : kindOf(value);
      let items = value === null ? [] : kind === "at_least" ? value.of : value[kind];
      let count = value?.at_least ?? 1;
      const place = el("div", { className: depth ? "jx-rule-group jx-rule-nested" : "jx-rule-group" });
      const send = () => set(!items.length && !depth ? null : kind === "at_least" ? { at_least: count, of: items } : { [kind]: items });
      const adders = [[says.add_term, freshTerm]];
      if (!depth) adders.push([says.add_group, () => ({ all: [freshTerm()] })]);
      function draw() {
        const chooser = select(["all", "any", "at_least"].map((key) => [key, says[key]]), kind, (next) => { kind = next; send(); draw(); }, says.kind, null);
        const many = kind === "at_least" ? number(count, (n) => { count = n; send(); }, says.how_many, { min: 1, step: 1 }) : null;
        place.replaceChildren(inline(chooser, many), rows(items, (next) => { items = next; send(); }, part, adders));
      }
      const part = (item, change) => (isMap(item) ? group(item, change, { scope }, depth + 1) ?? parts.raw(item, change) : term(item, change, scope));
      draw();
      return place;
    }

    // ---- keys with words
    function pairs(value, set) {
      if (value !== null && !isMap(value)) return null;
      const send = (entries) => set(Object.fromEntries(entries.filter(([key, word]) => key || word).map(([key, word]) => [key || word, word])));
      return rows(Object.entries(value ?? {}), send, ([key, word], change) => {
        const now = [key, word];
        const put = (at) => (text) => { now[at] = text.trim(); change([...now]); };
        return inline(input("text", word, put(1), says.word, { placeholder: says.word, maxLength: 60 }),
          input("text", key === word ? "" : key, put(0), says.key, { placeholder: says.key, title: says.key_hint, maxLength: 40 }));
      }, [[says.add, () => ["", ""]]]);
    }

    function fixedWords(value, set, data) {
      if (value !== null && !isMap(value)) return null;
      let now = { ...value };
      const keys = JSON.parse(data.keys);
      const known = new Set(keys.map(([key]) => key));
      const all = [...keys, ...Object.keys(now).filter((key) => !known.has(key)).map((key) => [key, key])];
      const send = () => set(now);
      return el("div", { className: "jx-rule-fixed" }, ...all.map(([key, label]) => el("label", {}, el("span", { textContent: label }),
        input("text", now[key], (text) => {
          now = { ...now, [key]: text.trim() };
          if (!now[key]) delete now[key];
          send();
        }, label, { maxLength: 60 }))));
    }

    // ---- a deadline
    function due(value, set, { scope = "case" } = {}) {
      const anchors = words.anchors.filter(([key]) => key.startsWith("batch.") === (scope === "batch"));
      const periods = words.periods.map(([key]) => key);
      let { after = "", roll = "", ...rest } = value ?? {};
      let [unit, count] = Object.entries(rest)[0] ?? ["days", ""];
      if (value !== null && (!isMap(value) || !periods.includes(unit) || Object.keys(rest).length > 1)) return null;
      const place = inline();
      const send = () => set(after ? { after, [unit]: count, ...(roll ? { roll } : {}) } : null);
      const put = (change) => (part) => { change(part); send(); };
      function draw() {
        place.replaceChildren(select(anchors, after, (v) => { after = v; send(); draw(); }, says.after, says.no_deadline));
        if (!after) return;
        place.append(says.after, number(count, put((v) => { count = v; }), says.count, { min: 0, step: 1 }),
          select(words.periods, unit, put((v) => { unit = v; }), says.unit, null),
          select(words.rolls, roll || words.rolls[0][0], put((v) => { roll = v === words.rolls[0][0] ? "" : v; }), says.unit, null));
      }
      draw();
      return place;
    }

    // ---- a number of days
    function length(value, set) {
      const periods = words.periods.filter(([key]) => key === "days" || key === "working_days");
      let [unit, count] = Object.entries(value ?? {})[0] ?? ["", ""];
      if (value !== null && (!isMap(value) || !periods.some(([key]) => key === unit) || Object.keys(value).length > 1)) return null;
      const place = inline();
      const send = () => set(unit ? { [unit]: count } : null);
      function draw() {
        const chooser = select(periods, unit, (v) => { unit = v; send(); draw(); }, says.unit, says.no_deadline);
        place.replaceChildren(...(unit ? [number(count, (v) => { count = v; send(); }, says.count, { min: 1, step: 1 })] : []), chooser);
      }
      draw();
      return place;
    }

    // ---- an amount that is worked out, its uplift and its rounding
    const AMOUNTS = {
      amount_table: { fits: (v) => parts.has(v, "table", "by", "cell"), fresh: { table: "", by: "", cell: "" } },
      amount_percent: { fits: (v) => isMap(v) && "of" in v && "percent" in v, fresh: { of: "", percent: "" } },
      amount_top_up: { fits: (v) => parts.has(v, "top_up_to", "less"), fresh: { top_up_to: "", less: "" } },
      amount_each: { fits: (v) => parts.has(v, "each", "times"), fresh: { each: "", times: "" } },
    };

    function amount(value, set) {
      let form = value === null ? "amount_fixed" : Object.keys(AMOUNTS).find((name) => AMOUNTS[name].fits(value));
      if (!form) return null;
      let now = value;
      const place = el("div");
      const put = (key) => (part) => {
        now = { ...now, [key]: part };
        if (part === "" && key === "at_most") delete now[key];
        set(now);
      };
      const asks = {
        amount_fixed: () => [],
        amount_table: () => [parts.cell(now, (v) => { now = v; set(now); })],
        amount_percent: () => [factSelect(now.of, put("of"), parts.ofKind("money")), labelled(says.percent, number(now.percent, put("percent"), says.percent, { min: 0 })), labelled(says.at_most, number(now.at_most, put("at_most"), says.at_most, { min: 0 }))],
        amount_top_up: () => [labelled(says.target, number(now.top_up_to, put("top_up_to"), says.target, { min: 0 })), says.less, factSelect(now.less, put("less"), parts.ofKind("money"))],
        amount_each: () => [labelled(says.each, number(now.each, put("each"), says.each, { min: 0 })), says.times, factSelect(now.times, put("times"), parts.ofKind("number"))],
      };
      function draw() {
        const forms = ["amount_fixed", ...Object.keys(AMOUNTS)].map((name) => [name, says[name]]);
        const chooser = select(forms, form, (next) => { form = next; now = AMOUNTS[next] ? { ...AMOUNTS[next].fresh } : null; set(now); draw(); }, says.kind, null);
        place.replaceChildren(inline(chooser, ...asks[form]()));
      }
      draw();
      return place;
    }

    // ---- a cell of a table, or nothing
    function cell(value, set) {
      if (value !== null && !parts.has(value, "table", "by", "cell")) return null;
      const place = el("div");
      function draw(now) {
        const forms = ["cell_none", "amount_table"].map((name) => [name, says[name]]);
        const chooser = select(forms, now ? "amount_table" : "cell_none", (next) => {
          const fresh = next === "amount_table" ? { ...AMOUNTS.amount_table.fresh } : null;
          set(fresh);
          draw(fresh);
        }, says.kind, null);
        place.replaceChildren(inline(chooser, ...(now ? [parts.cell(now, set)] : [])));
      }
      draw(value);
      return place;
    }

    const labelled = (label, control) => el("label", { className: "jx-rule-labelled" }, el("span", { textContent: label }), control);

    function uplift(value, set, data) {
      if (value !== null && !isMap(value)) return null;
      let now = value ?? { percent: "", when: [] };
      const send = () => set(now.percent === "" && !now.when?.length ? null : now);
      const put = (key) => (part) => { now = { ...now, [key]: part }; send(); };
      return el("div", {}, inline(labelled(says.percent, number(now.percent, put("percent"), says.percent, { min: 0 })), says.uplift_when), terms(now.when ?? [], put("when"), data));
    }

    function rounding(value, set) {
      if (value !== null && !isMap(value)) return null;
      let now = value ?? { to: "", mode: "" };
      const put = (key) => (part) => { now = { ...now, [key]: part }; set(now.to || now.mode ? now : null); };
      return inline(select(words.units, now.to, put("to"), says.to, says.none), select(words.modes, now.mode, put("mode"), says.mode, says.none));
    }

    // ---- what a bound counts: nothing more, a fact, or the cases for which terms hold
    function of(value, set, data) {
      const byKey = parts.has(value, "where", "distinct");
      if (value !== null && typeof value !== "string" && !Array.isArray(value) && !byKey) return null;
      let form = value === null ? "" : typeof value === "string" ? "of_fact" : "of_terms";
      let fact = form === "of_fact" ? value : "";
      let where = byKey ? value.where : Array.isArray(value) ? value : [];
      let distinct = byKey ? value.distinct : "";
      const place = el("div");
      const send = () => set({ of_fact: fact || null, of_terms: distinct ? { where, distinct } : where }[form] ?? null);
      const forms = [["of_fact", says.of_fact], ["of_terms", says.of_terms]];
      function draw() {
        const chooser = select(forms, form, (next) => { form = next; send(); draw(); }, says.kind, says.none);
        const asked = {
          of_fact: () => [inline(chooser, factSelect(fact, (v) => { fact = v; send(); }, (item) => !item.row))],
          of_terms: () => [inline(chooser, labelled(says.distinct, select(words.keys, distinct, (v) => { distinct = v; send(); }, says.distinct, says.none))), terms(where, (v) => { where = v; send(); }, data)],
        }[form];
        place.replaceChildren(...(asked ? asked() : [inline(chooser)]));
      }
      draw();
      return place;
    }

    // ---- how experts score, and how long a notice lasts
    const wide = (label, control) => el("label", { className: "jx-rule-labelled jx-rule-wide" }, el("span", { textContent: label }), control);

    function panel(value, set) {
      if (value !== null && !isMap(value)) return null;
      const fresh = { criteria: [], joined: words.joins[0][0], fewest: 1, into: "" };
      let now = value;
      const place = el("div");
      const put = (key, nothing = "") => (part) => {
        now = { ...now, [key]: part };
        if (part === nothing || (Array.isArray(part) && !part.length && key !== "criteria")) delete now[key];
        set(now);
      };
      const criterion = (item, change) => {
        let one = item;
        const keep = (key) => (part) => {
          one = { ...one, [key]: part };
          if (part === "") delete one[key];
          change(one);
        };
        return inline(input("text", one.title, keep("title"), says.label, { placeholder: says.label, maxLength: 60 }),
          labelled(says.most_points, number(one.most, keep("most"), says.most_points, { min: 1, step: 1 })),
          labelled(says.weight, number(one.weight, keep("weight"), says.weight, { min: 1, step: 1 })));
      };
      const made = (items) => items.map((item, at) => ({ ...item, key: item.key || `c${at + 1}` }));
      function draw() {
        const has = tick(now !== null, (on) => { now = on ? now ?? fresh : null; set(now); draw(); }, says.has_panel);
        if (now === null) return place.replaceChildren(has);
        const conflicts = { key: "", choices: words.conflicts };
        place.replaceChildren(has,
          rows(now.criteria ?? [], (items) => put("criteria")(made(items)), criterion, [[says.add, () => ({ title: "", most: 20 })]]),
          inline(labelled(says.joined, select(words.joins, now.joined, put("joined"), says.joined, null)),
            labelled(says.fewest, number(now.fewest, put("fewest"), says.fewest, { min: 1, step: 1 })),
            labelled(says.decimals, number(now.decimals, put("decimals"), says.decimals, { min: 0, max: 3, step: 1 })),
            labelled(says.into, factSelect(now.into, put("into"), (item) => item.kind === "number" && item.key.startsWith("field.")))),
          inline(parts.ticks(conflicts, now.conflicts ?? [], put("conflicts"))),
          wide(says.reading, input("text", now.reading, put("reading"), says.reading, { maxLength: 400 })));
      }
      draw();
      return place;
    }

    function lasts(value, set) {
      const lengths = words.steps.filter(([key]) => key === "days").concat(words.periods.filter(([key]) => key === "working_days"));
      let { reading = "", ...rest } = value ?? {};
      let [unit, count] = Object.entries(rest)[0] ?? ["working_days", ""];
      if (value !== null && (!isMap(value) || !lengths.some(([key]) => key === unit) || Object.keys(rest).length > 1)) return null;
      const send = () => set(count === "" ? null : { [unit]: count, ...(reading ? { reading } : {}) });
      const put = (change) => (part) => { change(part); send(); };
      return el("div", {}, inline(number(count, put((v) => { count = v; }), says.count, { min: 1, step: 1 }),
        select(lengths, unit, put((v) => { unit = v; }), says.unit, null)),
      wide(says.reading, input("text", reading, put((v) => { reading = v.trim(); }), says.reading, { maxLength: 400 })));
    }

    // ---- the columns of a table field
    function columns(value, set) {
      if (value !== null && !Array.isArray(value)) return null;
      const made = (items) => items.map((item, at) => ({ ...item, key: item.key || `c${at + 1}` }));
      return rows(value ?? [], (items) => set(made(items)), (item, change) => {
        let now = item;
        const place = el("div");
        const put = (key, redraw = false) => (part) => {
          now = { ...now, [key]: part };
          if (part === false || (isMap(part) && !Object.keys(part).length)) delete now[key];
          change(now);
          if (redraw) draw();
        };
        function draw() {
          place.replaceChildren(inline(input("text", now.label, put("label"), says.label, { placeholder: says.label, maxLength: 60 }),
            select(words.column_kinds, now.kind, put("kind", true), says.kind, null), tick(now.required, put("required"), says.required)),
          ...(now.kind === "choice" ? [el("p", { className: "jx-hint", textContent: says.choices }), pairs(now.choices ?? {}, put("choices"))] : []));
        }
        draw();
        return place;
      }, [[says.add, () => ({ key: "", label: "", kind: "text" })]]);
    }

    return { terms, "optional-terms": optionalTerms, group, pairs, words: fixedWords, due, length, amount, cell, uplift, rounding, of, columns, panel, lasts };
  }
})();
