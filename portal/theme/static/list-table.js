// A table of the form, such as the members of a team: rows of inputs over the lines of text that
// are sent. Rows pasted from a sheet fall into place.
"use strict";
(() => {
  const CUT = /\t|\|/;

  function cell(column, text, say) {
    const label = column.required ? `${column.label} *` : column.label;
    let input;
    if (column.kind === "choice" || column.kind === "yes_no") {
      input = document.createElement("select");
      const words = column.kind === "yes_no" ? say.sayYesNo.split("|") : Object.values(column.choices ?? {});
      input.append(new Option("", ""), ...words.map((word) => new Option(word, word)));
      if (text && !words.includes(text)) input.append(new Option(text, text));
      input.className = "form-select";
    } else {
      input = document.createElement("input");
      input.type = column.kind === "date" ? "date" : "text";
      if (column.kind === "number" || column.kind === "money") input.inputMode = "decimal";
      input.className = "form-control";
    }
    input.value = text;
    input.setAttribute("aria-label", label);
    return input;
  }

  function grow(area) {
    const columns = JSON.parse(area.dataset.columns);
    const say = area.dataset;
    const table = document.createElement("table");
    const body = document.createElement("tbody");
    table.className = "jx-rows";
    const head = table.createTHead().insertRow();
    columns.forEach((column) => {
      head.append(Object.assign(document.createElement("th"), { scope: "col", textContent: column.required ? `${column.label} *` : column.label }));
    });
    head.append(document.createElement("td"));
    table.append(body);

    function write() {
      const lines = [...body.rows].map((row) => [...row.querySelectorAll("input, select")].map((input) => input.value.replaceAll("|", "／").trim()));
      area.value = lines.filter((line) => line.some(Boolean)).map((line) => line.join(" | ")).join("\n");
    }

    function add(texts = []) {
      const row = body.insertRow();
      columns.forEach((column, place) => {
        const at = row.insertCell();
        at.dataset.label = column.label;
        at.append(cell(column, (texts[place] ?? "").trim(), say));
      });
      const drop = Object.assign(document.createElement("button"), { type: "button", className: "btn btn-sm", textContent: say.sayRemove });
      drop.addEventListener("click", () => { row.remove(); write(); area.dispatchEvent(new Event("change", { bubbles: true })); });
      row.insertCell().append(drop);
      return row;
    }

    body.addEventListener("input", write);
    body.addEventListener("change", write);
    body.addEventListener("paste", (event) => {
      const text = event.clipboardData.getData("text");
      if (!/[\t\n]/.test(text.trim())) return;
      event.preventDefault();
      event.target.closest("tr").remove();
      text.split(/\r?\n/).filter((line) => line.trim()).forEach((line) => add(line.split(CUT)));
      write();
    });
    area.value.split("\n").filter((line) => line.trim()).forEach((line) => add(line.split(CUT)));
    if (!body.rows.length) add();
    const more = Object.assign(document.createElement("button"), { type: "button", className: "btn btn-sm", textContent: say.sayAdd });
    more.addEventListener("click", () => add().querySelector("input, select").focus());
    area.after(table, more);
    area.hidden = true;
  }

  document.querySelectorAll("textarea[data-columns]").forEach(grow);
})();
