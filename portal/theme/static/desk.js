// The review desk: keys, the choice of several cases, how many fields are ticked.
"use strict";
(() => {
  const desk = document.querySelector("[data-desk]");
  if (!desk) return;
  const $ = (selector) => desk.querySelector(selector);
  const $$ = (selector) => [...desk.querySelectorAll(selector)];
  const rows = $$(".jx-queue-rows > li:not(.jx-queue-none)");
  let at = rows.findIndex((row) => row.classList.contains("jx-now"));

  function step(by) {
    const next = rows[at < 0 ? 0 : at + by];
    if (next) next.querySelector("[data-case]").click();
  }

  function drawBulk() {
    const chosen = $$('.jx-queue-rows input[name="rowid"]:checked').length;
    $("[data-queue-bulk]").hidden = chosen === 0;
    $("[data-queue-count]").textContent = chosen;
  }

  function drawTicked() {
    const note = $("[data-ticked-note]");
    if (!note) return;
    const ticked = $$('input[name="field"]:checked').length;
    note.hidden = ticked === 0;
    $("[data-ticked-count]").textContent = ticked;
  }

  const keys = {
    j: () => step(1),
    k: () => step(-1),
    x: () => rows[at]?.querySelector('input[name="rowid"]').click(),
    Enter: () => $('.jx-desk-buttons button')?.focus(),
  };

  document.addEventListener("keydown", (event) => {
    // an input method that composes sends keys that are not ours
    if (event.isComposing || event.keyCode === 229 || event.ctrlKey || event.metaKey || event.altKey) return;
    const target = event.target;
    const typing = target.matches("input:not([type=checkbox]), textarea, select");
    if (event.key === "Escape") {
      if (typing || target.closest(".jx-desk-buttons")) target.blur();
      else if (desk.classList.contains("jx-desk-chosen")) $(".jx-case-back")?.focus();
      return;
    }
    if (typing || document.querySelector("dialog[open]")) return;
    if (event.key === "Enter" && target !== document.body) return;
    const act = keys[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });

  desk.addEventListener("change", (event) => {
    if (event.target.name === "rowid") drawBulk();
    if (event.target.name === "field") {
      drawTicked();
      const why = event.target.closest(".jx-tickable").querySelector(".jx-why");
      if (event.target.checked) why?.focus();
    }
  });

  rows[at]?.scrollIntoView({ block: "nearest" });
  drawBulk();
  drawTicked();
})();
