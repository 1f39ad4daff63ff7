// What form pages do: long choices, native dates, a guard against losing what was typed.
"use strict";
(() => {
  const sheet = document.querySelector("[data-say-none]");
  const say = sheet ? sheet.dataset : {};

  // Tom Select hides the labelled element: give its words to what is seen and to what is sent.
  function named(element, settings) {
    const words = element.labels?.[0]?.firstChild?.textContent.trim() ?? "";
    const made = new TomSelect(element, settings);
    [element, made.control_input, made.dropdown_content].forEach((part) => part.setAttribute("aria-label", words));
  }

  function choices(select) {
    const many = select.multiple;
    if (!many && select.options.length <= 8) return;
    named(select, {
      allowEmptyOption: true,
      maxOptions: 200,
      plugins: many ? ["remove_button"] : ["dropdown_input"],
      render: { no_results: () => Object.assign(document.createElement("div"), { className: "no-results", textContent: say.sayNone }) },
    });
  }

  // Flask-Admin's remote fields: <input data-role="select2-ajax" data-url data-json>
  function remoteChoices(input) {
    const many = input.dataset.multiple === "1";
    const chosen = JSON.parse(input.dataset.json || "null");
    const known = chosen === null ? [] : many ? chosen : [chosen];
    named(input, {
      valueField: "id",
      labelField: "text",
      searchField: [],
      maxItems: many ? null : 1,
      options: known.map(([id, text]) => ({ id: String(id), text })),
      items: known.map(([id]) => String(id)),
      placeholder: input.dataset.placeholder || say.sayMore,
      plugins: ["remove_button"],
      shouldLoad: (query) => query.length >= Number(input.dataset.minimumInputLength || 1),
      load: async (query, done) => {
        try {
          const response = await fetch(`${input.dataset.url}?${new URLSearchParams({ query, offset: 0, limit: 10 })}`, { credentials: "same-origin" });
          const rows = await response.json();
          done(rows.map(([id, text]) => ({ id: String(id), text })));
        } catch {
          done();
        }
      },
      render: { no_results: () => Object.assign(document.createElement("div"), { className: "no-results", textContent: say.sayNone }) },
    });
  }

  function nativeDate(input) {
    const kinds = { datepicker: "date", timepicker: "time" };
    input.type = kinds[input.dataset.role];
  }

  function guard(form) {
    const mark = form.querySelector("[data-unsaved]");
    let dirty = document.querySelector(".jx-errors") !== null;
    form.addEventListener("input", () => { dirty = true; if (mark) mark.hidden = false; });
    form.addEventListener("change", () => { dirty = true; if (mark) mark.hidden = false; });
    form.addEventListener("submit", () => { dirty = false; });
    addEventListener("beforeunload", (event) => { if (dirty) event.preventDefault(); });
  }

  document.querySelectorAll(".jx-form select").forEach(choices);
  document.querySelectorAll('[data-role="select2-ajax"]').forEach(remoteChoices);
  document.querySelectorAll('[data-role="datepicker"], [data-role="timepicker"]').forEach(nativeDate);
  document.querySelectorAll("form[data-guard]").forEach(guard);
})();
